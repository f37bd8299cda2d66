"""The event table by batch date, and pieces of it that are not too many rows to hold at once.

A piece is a stretch of dates, or a part of one large date: the rows between two values of the
column that rows are ordered by first. So pieces of a date, one after the other, are in order.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import polars as pl

from tasks.core.batches import order
from tasks.core.event import EventConfig

PIECE_ROWS = 500_000
PLACE = "_place"
Stretch = tuple[dt.date, dt.date]


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows that are prepared at once.

    Args:
        dates: the first and the last date.
        low: the least value of the column that rows are ordered by first; None for any.
        high: the value before which all of them lie; None for any, and for those without one.
    """

    dates: Stretch
    low: Any = None
    high: Any = None

    def holds(self, column: str) -> pl.Expr:
        """Whether a row of the dates is in the piece."""
        value = pl.col(column)
        above: pl.Expr = pl.lit(True) if self.low is None else value >= self.low
        if self.high is None:
            return (above | value.is_null()).fill_null(True)
        return above.and_(value < self.high)


@dataclass(frozen=True, slots=True)
class Tables:
    """The event table by batch date, all dates in the columns of the newest.

    Args:
        parts: the rows of each date in the order of dates, with `batch_date` and the place of each
            row; a scan numbers rows and yet reads those of a piece alone.
        rows: how many each has.
    """

    parts: Mapping[dt.date, pl.LazyFrame]
    rows: Mapping[dt.date, int]

    def between(self, first: dt.date, last: dt.date) -> list[pl.LazyFrame]:
        """The rows of the dates from first to last, both included."""
        return [part.drop(PLACE) for part in self.numbered((first, last))]

    def numbered(self, dates: Stretch) -> list[pl.LazyFrame]:
        """The rows of some dates, each with its place in its date's table."""
        return [part for day, part in self.parts.items() if dates[0] <= day <= dates[1]]

    def pieces(self, event: EventConfig, dates: Stretch, by_date: bool) -> Iterator[Piece]:
        """Pieces of some dates; one where rows have no time and are of several dates.

        Args:
            event: what an event is.
            dates: the first and the last date.
            by_date: whether each date is a piece, whole, however many rows it has.
        """
        days = [day for day in self.parts if dates[0] <= day <= dates[1]]
        if event.time is None and len(days) > 1:
            yield Piece((days[0], days[-1]))
            return
        waiting: list[dt.date] = []
        for day in days:
            is_large = self.rows[day] > PIECE_ROWS
            held = sum(self.rows[each] for each in waiting)
            if waiting and (by_date or is_large or held >= PIECE_ROWS):
                yield Piece((waiting[0], waiting[-1]))
                waiting = []
            if is_large and not by_date:
                yield from self._cut(day, order(event)[0])
            else:
                waiting.append(day)
        if waiting:
            yield Piece((waiting[0], waiting[-1]))

    def _cut(self, day: dt.date, column: str) -> Iterator[Piece]:
        """A date in pieces; rows of one value stay together."""
        values = self.parts[day].select(pl.col(column).drop_nulls().sort()).collect().to_series()
        cuts = values.gather_every(PIECE_ROWS, PIECE_ROWS).unique(maintain_order=True).to_list()
        for low, high in pairwise([None, *cuts, None]):
            yield Piece((day, day), low, high)

    def earliest_after(self, pieces: Sequence[Piece], column: str) -> Iterator[Any]:
        """The least value of a column in any of the pieces after each; None where there is none."""
        bounds: list[Any] = [None]
        for piece in reversed(pieces[1:]):
            low = piece.low
            if low is None:
                rows = pl.concat(self.between(*piece.dates))
                low = rows.select(pl.col(column).min()).collect().item()
            known = [each for each in (bounds[-1], low) if each is not None]
            bounds.append(min(known, default=None))
        yield from reversed(bounds)
