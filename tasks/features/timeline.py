"""The rows that features are computed from, and the ones they are computed for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tasks.core.errors import ConfigError, DataError
from tasks.core.event import EventConfig


@dataclass(frozen=True, slots=True)
class Timeline:
    """A prepared table and the events in it.

    Args:
        rows: all rows, sorted by event time; those before an event are its past.
        event: what an event is.
        wanted: which rows get features, one boolean a row.
        dimensions: the tables that lookups read.
    """

    rows: pl.DataFrame
    event: EventConfig
    wanted: pl.Series
    dimensions: Mapping[str, pl.LazyFrame]

    @property
    def time(self) -> str:
        """The time column, which families that look into the past can rely on."""
        if self.event.time is None:
            raise ConfigError(
                "event.time",
                found="no event.time",
                where="features",
                do="Name the time column of the events.",
            )
        return self.event.time

    def check_order(self) -> None:
        """Hold that time never runs backwards: every window depends on it.

        Raises:
            DataError: rows are out of order, or one has no time.
        """
        if self.event.time is None:
            return
        times = self.rows[self.event.time]
        if times.null_count() or not times.is_sorted():
            raise DataError(
                f"rows in the order of {self.event.time}, none without it",
                found=f"{times.null_count()} without"
                if times.null_count()
                else "rows out of order",
                where=f"prepared table {self.event.table}",
                do="Prepare the table again; hold back rows without a time in its suite.",
            )
