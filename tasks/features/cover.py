"""Which tallies stand for the past of tonight's events, and which dates' rows are looked at."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.core.artifacts import Ref, Tallies
from tasks.features.shelf import Kept, Shelf
from tasks.features.stretches import Edges, Stretch, roots
from tasks.features.tally import Tally

Piece = Kept | dt.date


@dataclass(frozen=True, slots=True)
class Covered:
    """The past of one tally.

    Args:
        refs: tallies of stretches that no edge of a window parts.
        days: the other dates, whose rows are looked at.
    """

    refs: tuple[Ref[Tallies], ...]
    days: frozenset[dt.date]


def lacking(shelf: Shelf, tally: Tally) -> Iterator[dt.date]:
    """The dates that no tally is found of, be it their own or a longer stretch's."""
    if shelf.called:
        for stretch in roots(min(shelf.called), max(shelf.called)):
            yield from _lacking(shelf, tally, stretch)


def cover(shelf: Shelf, tally: Tally, edges: Edges) -> Covered:
    """Cover the dates before tonight by as few tallies as may stand for their rows.

    Two halves that are both found are made one on the way, and kept.
    """
    if not shelf.called:
        return Covered((), frozenset())
    pieces = [
        piece
        for stretch in roots(min(shelf.called), max(shelf.called))
        for piece in _cover(shelf, tally, edges, stretch)
    ]
    refs = tuple(piece.ref for piece in pieces if isinstance(piece, Kept) and piece.rows)
    return Covered(refs, frozenset(piece for piece in pieces if not isinstance(piece, Kept)))


def _lacking(shelf: Shelf, tally: Tally, stretch: Stretch) -> Iterator[dt.date]:
    days = stretch.within(tuple(shelf.called))
    if not days or shelf.find(tally, stretch):
        return
    if stretch.days == 1:
        yield from days
        return
    for half in stretch.halves:
        yield from _lacking(shelf, tally, half)


def _cover(shelf: Shelf, tally: Tally, edges: Edges, stretch: Stretch) -> list[Piece]:
    days = stretch.within(tuple(shelf.called))
    if not days:
        return []
    found = shelf.find(tally, stretch)
    if found is not None and not edges.part(found.rows):
        return [found]
    if stretch.days == 1:
        return [*days]
    pieces = [piece for half in stretch.halves for piece in _cover(shelf, tally, edges, half)]
    kept = [piece for piece in pieces if isinstance(piece, Kept)]
    if found is not None or len(kept) < len(pieces):
        return pieces
    tables = [shelf.run.store.scan(piece.ref).collect() for piece in kept]
    (made,) = shelf.keep([(tally, stretch, tally.sum(tables))])
    # The halves may lie on two sides of an edge, with nothing between.
    return pieces if edges.part(made.rows) else [made]
