"""The rows that features are computed from, and the ones they are computed for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from tasks.core.errors import ConfigError, DataError
from tasks.core.event import EventConfig
from tasks.features.past import NO_DELAY, Bools, Floats, Past, Window, past


@dataclass(frozen=True, slots=True)
class Timeline:
    """A prepared table and the events in it.

    Args:
        rows: all rows, sorted by event time; those before an event are its past.
        event: what an event is.
        wanted: which rows get features, one boolean a row.
        dimensions: the tables that lookups read.
        latest: the past that was asked for last; families of one entity often stand together.
    """

    rows: pl.DataFrame
    event: EventConfig
    wanted: pl.Series
    dimensions: Mapping[str, pl.LazyFrame]
    latest: dict[object, tuple[Past, list[Window]]] = field(default_factory=dict, repr=False)

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

    def past(
        self,
        entity: Sequence[str],
        where: str | None,
        spans: Sequence[dt.timedelta],
        delay: dt.timedelta = NO_DELAY,
    ) -> tuple[Past, list[Window]]:
        """The rows of each wanted row's entity that a SQL condition takes, and the windows."""
        key = (tuple(entity), where, tuple(spans), delay)
        if key not in self.latest:
            before = past(self.rows, self._taken(where), self.asking, entity, self.time)
            self.latest.clear()
            self.latest[key] = before, before.windows(spans, delay)
        return self.latest[key]

    @property
    def asking(self) -> pl.DataFrame:
        """The wanted rows."""
        return self.rows.filter(self.wanted)

    def _taken(self, where: str | None) -> Bools:
        if where is None:
            return np.ones(self.rows.height, np.bool_)
        condition = pl.sql_expr(where).fill_null(False).alias("taken")
        taken: Bools = self.rows.with_columns(condition)["taken"].to_numpy()
        return taken

    def values(self, expression: str) -> Floats:
        """A SQL expression of each row; NaN where it is missing."""
        value = pl.sql_expr(expression).cast(pl.Float64).alias("value")
        values: Floats = self.rows.with_columns(value)["value"].to_numpy().astype(np.float64)
        return values

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
