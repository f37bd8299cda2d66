"""The rows that features are computed from, and the ones they are computed for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.core.errors import ConfigError, DataError
from tasks.core.event import EventConfig
from tasks.features.past import Floats, Past, past


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

    def past(self, entity: Sequence[str], where: str | None = None) -> Past:
        """The rows of each wanted row's entity, those that a SQL condition takes."""
        taken = np.ones(self.rows.height, np.bool_)
        if where is not None:
            condition = pl.sql_expr(where).fill_null(False).alias("taken")
            taken = self.rows.with_columns(condition)["taken"].to_numpy()
        return past(self.rows, taken, self.rows.filter(self.wanted), entity, self.time)

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
