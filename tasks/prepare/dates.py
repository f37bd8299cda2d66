"""The rows of a piece of the event table, from them and the dates their preparation looks at.

What becomes of the rows of a date depends on the dates within its reach and on no others: any
piece that holds a row prepares it alike, be it of a night or of a training.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import polars as pl

from tasks.core.batches import BATCH_DATE, in_order, order
from tasks.core.event import EventConfig
from tasks.core.treatments import Carry, Learned
from tasks.prepare.apply import apply_counted
from tasks.prepare.config import PrepareConfig
from tasks.prepare.pieces import PLACE, Piece, Tables
from tasks.prepare.repetitions import REASON, repetitions

Treated = tuple[pl.DataFrame, pl.DataFrame]


def ordered(
    tables: Tables, piece: Piece, repeated: pl.DataFrame, event: EventConfig
) -> pl.DataFrame:
    """The rows of a piece in order, each with the reason for which it is dropped, if it is.

    Args:
        tables: the table.
        piece: which rows.
        repeated: those of its dates that repeat another; see `repetitions`.
        event: what an event is.
    """
    by = order(event)
    rows = pl.concat(tables.numbered(piece.dates)).filter(piece.holds(by[0]))
    told = rows.join(repeated.lazy(), on=[BATCH_DATE, PLACE], how="left").drop(PLACE)
    found = told.sort(by, nulls_last=True).collect(engine="streaming")
    ties = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in by)
    if found.select(ties.any()).item():
        return in_order(found.lazy(), event).collect()
    return found


def treated(
    tables: Tables,
    pieces: Iterable[Piece],
    config: PrepareConfig,
    learned: Learned,
    event: EventConfig,
) -> Iterator[Treated]:
    """The rows of each piece as they were, and as they are prepared.

    Returns:
        For each piece its rows with the reason of each; and those that stay, treated, each with the
        columns that tell which treatments touched it. Both in order.
    """
    for (first, last), group in groupby(pieces, key=lambda piece: piece.dates):
        reach = (first - config.reach_of_fills if fills(learned) else first, last)
        repeated = repetitions(tables, reach, event, config)
        for piece in group:
            seen = Piece(reach, piece.low, piece.high)
            rows = ordered(tables, seen, repeated, event)
            own = pl.col(BATCH_DATE) >= first
            kept = rows.lazy().filter(pl.col(REASON).is_null()).drop(REASON)
            yield rows.filter(own), apply_counted(kept, learned, event).filter(own).collect()


def fills(learned: Learned) -> bool:
    """Whether a treatment fills rows from other rows."""
    return any(isinstance(each, Carry) for each in learned.record.treatments)


def in_turn(
    frames: Iterator[pl.DataFrame], event: EventConfig, later: Iterator[Any]
) -> Iterator[pl.DataFrame]:
    """Put prepared pieces in one order, holding back only what may come in between.

    Args:
        frames: the rows of each piece, in order.
        event: what an event is.
        later: for each piece the least value, of the column that rows are ordered by first, of the
            pieces after it; None where there is none.
    """
    by: Sequence[str] = order(event)
    waiting: pl.DataFrame | None = None
    for frame, bound in zip(frames, later, strict=True):
        if waiting is not None and waiting.height:
            frame = pl.concat([waiting, frame]).sort(by, nulls_last=True)
        if bound is None:
            waiting = frame
            continue
        goes = (pl.col(by[0]) < bound).fill_null(False)
        yield frame.filter(goes)
        waiting = frame.filter(~goes)
    if waiting is not None:
        yield waiting
