"""Dates and moments of a pipeline: which date a value belongs to, and when a date begins."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import polars as pl

from tasks.ingest.incremental import Incremental, Watermark

_DAY = dt.timedelta(days=1)
_TICK = dt.timedelta(microseconds=1)
# The earliest year that every database has.
_BEGINNING = dt.datetime(1000, 1, 1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TICKS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_LONGEST_BREAK_DAYS = 366


@dataclass(frozen=True, slots=True)
class Business:
    """The calendar of a pipeline.

    Args:
        timezone: where its dates begin and end.
        is_open: whether data are due for a date.
    """

    timezone: str
    is_open: Callable[[dt.date], bool]

    def date_of(self, column: str, source: Incremental) -> pl.Expr:
        """The date a column's values lie on, in the pipeline's timezone."""
        dtype = source.table_schema[column]
        value = pl.col(column)
        if dtype.is_integer():
            assert source.watermark_unit is not None
            value = pl.from_epoch(value.cast(pl.Int64), source.watermark_unit)
            return value.dt.replace_time_zone("UTC").dt.convert_time_zone(self.timezone).dt.date()
        if isinstance(dtype, pl.Datetime) and dtype.time_zone:
            return value.dt.convert_time_zone(self.timezone).dt.date()
        return value.cast(pl.Date)

    def due(self, day: dt.date) -> dt.date:
        """The first open date from a date on."""
        days = (day + i * _DAY for i in range(_LONGEST_BREAK_DAYS))
        return next(filter(self.is_open, days), day)

    def begins(self, day: dt.date, source: Incremental) -> dt.datetime:
        """When a date begins: in UTC where the watermark has a zone, else on the wall's clock."""
        midnight = dt.datetime.combine(day, dt.time())
        if not _is_aware(source):
            return midnight
        return midnight.replace(tzinfo=ZoneInfo(self.timezone)).astimezone(dt.UTC)


def before(moment: dt.datetime | None, source: Incremental) -> Watermark:
    """The last watermark before a moment: what a query asks for is greater than it.

    Args:
        moment: as `Business.begins` gives them; None is the beginning of time.
        source: the source.
    """
    assert source.watermark is not None
    if moment is None:
        moment = _BEGINNING.replace(tzinfo=dt.UTC) if _is_aware(source) else _BEGINNING
    if source.watermark_unit is not None:
        return (moment - _EPOCH) // _TICK // _TICKS[source.watermark_unit] - 1
    if isinstance(source.table_schema[source.watermark], pl.Date):
        return moment.date() - _DAY
    return moment - _TICK


def _is_aware(source: Incremental) -> bool:
    if source.watermark is None:
        return False
    dtype = source.table_schema[source.watermark]
    return dtype.is_integer() or (isinstance(dtype, pl.Datetime) and dtype.time_zone is not None)
