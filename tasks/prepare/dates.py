"""The rows of a stretch of batch dates, from them and from the dates their preparation looks at.

What becomes of the rows of a date depends on the dates within its reach and on no others: any
stretch that holds a date prepares it alike, be it a night, a training, or a piece of either.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from tasks.core.batches import BATCH_DATE, in_order, order
from tasks.core.event import EventConfig
from tasks.core.treatments import Carry, Learned
from tasks.prepare.apply import apply_counted
from tasks.prepare.config import PrepareConfig
from tasks.prepare.duplicates import compared, repeated

REASON = "_repeated"
_PIECE_ROWS = 2_000_000
Stretch = tuple[dt.date, dt.date]


@dataclass(frozen=True, slots=True)
class Tables:
    """The event table by batch date, all dates in the columns of the newest.

    Args:
        parts: the rows of each date, with `batch_date`, in the order of dates.
        rows: how many each has.
    """

    parts: Mapping[dt.date, pl.LazyFrame]
    rows: Mapping[dt.date, int]

    def between(self, first: dt.date, last: dt.date) -> list[pl.LazyFrame]:
        """The rows of the dates from first to last, both included."""
        return [part for day, part in self.parts.items() if first <= day <= last]

    def stretches(self, event: EventConfig, dates: Stretch, learned: Learned) -> Iterator[Stretch]:
        """Stretches of dates that are not too many rows to hold at once; one where none has a time.

        Where rows are filled from others a date is a stretch: a row of a later date may have an
        earlier time, and no row is filled from what arrived after it.
        """
        most = 1 if fills(learned) else _PIECE_ROWS
        days = [day for day in self.parts if dates[0] <= day <= dates[1]]
        held, start = 0, 0
        for place, day in enumerate(days):
            held += self.rows[day]
            if place + 1 == len(days) or (event.time and held >= most):
                yield days[start], day
                held, start = 0, place + 1


def ordered(
    tables: Tables, dates: Stretch, event: EventConfig, config: PrepareConfig
) -> pl.DataFrame:
    """The rows of some dates in order, each with the reason for which it is dropped, if it is."""
    first, last = dates
    rows = pl.concat(tables.between(first, last)).sort(order(event), nulls_last=True).collect()
    if rows.select(pl.struct(*event.key, BATCH_DATE).is_duplicated().any()).item():
        rows = in_order(rows.lazy(), event).collect()
    names = _of_interest(rows, event, config)
    before = [
        part.select(names)
        for part in tables.between(first - config.reach_of_keys, first - dt.timedelta(days=1))
    ]
    known = pl.concat([*before, rows.lazy().select(names)]).collect()
    return rows.with_columns(repeated(known, event, config).tail(rows.height).alias(REASON))


def treated(
    tables: Tables,
    dates: Stretch,
    config: PrepareConfig,
    learned: Learned,
    event: EventConfig,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of some dates as they were, and as they are prepared.

    Returns:
        The rows with the reason of each; and those that stay, treated, each with the columns that
        tell which treatments touched it. Both in order.
    """
    start = dates[0] - config.reach_of_fills if fills(learned) else dates[0]
    rows = ordered(tables, (start, dates[1]), event, config)
    own = pl.col(BATCH_DATE) >= dates[0]
    kept = rows.lazy().filter(pl.col(REASON).is_null()).drop(REASON)
    return rows.filter(own), apply_counted(kept, learned, event).filter(own).collect()


def fills(learned: Learned) -> bool:
    """Whether a treatment fills rows from other rows."""
    return any(isinstance(each, Carry) for each in learned.record.treatments)


def in_time(
    frames: Iterator[pl.DataFrame], event: EventConfig, later: Iterator[dt.datetime | None]
) -> Iterator[pl.DataFrame]:
    """Put prepared stretches of dates in one order, holding back only what may come in between.

    Args:
        frames: the rows of each stretch, in order.
        event: what an event is.
        later: for each stretch the earliest time of those after it; None where there is none.
    """
    waiting: pl.DataFrame | None = None
    for frame, bound in zip(frames, later, strict=True):
        if waiting is not None and waiting.height:
            frame = pl.concat([waiting, frame]).sort(order(event), nulls_last=True)
        if bound is None or event.time is None:
            waiting = frame
            continue
        goes = (pl.col(event.time) < bound).fill_null(False)
        yield frame.filter(goes)
        waiting = frame.filter(~goes)
    if waiting is not None:
        yield waiting


def _of_interest(rows: pl.DataFrame, event: EventConfig, config: PrepareConfig) -> list[str]:
    names = [name for name in rows.columns if name != BATCH_DATE]
    also = compared(names, config.duplicates) if config.duplicates else ()
    return list(dict.fromkeys([*event.key, *also, BATCH_DATE]))
