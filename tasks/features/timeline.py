"""The rows that features are computed from, and the ones they are computed for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from tasks.core.batches import BATCH_DATE
from tasks.core.errors import ConfigError, DataError
from tasks.core.event import EventConfig
from tasks.core.keys import digest
from tasks.features.codes import Bools, Floats
from tasks.features.evaluated import holds, numbers
from tasks.features.family import FamilyConfig
from tasks.features.observations import past, past_with_tallies
from tasks.features.past import Past
from tasks.features.tally import Tally


@dataclass(frozen=True, slots=True)
class TalliedRows:
    """The past of a family that keeps tallies, before the dates of the events.

    Args:
        table: tallies of stretches of dates.
        days: batch dates whose rows are not in them, and are to be looked at.
    """

    table: pl.DataFrame
    days: frozenset[dt.date]


@dataclass(frozen=True, slots=True)
class Timeline:
    """A prepared table and the events in it.

    Args:
        rows: all rows, sorted by event time; those before an event are its past.
        event: what an event is.
        wanted: which rows get features, one boolean a row.
        dimensions: the other tables that families read.
        label: 1 or 0 for each row whose label is known, else null; None where none is asked for.
        folder: where the pipeline file lies, and functions of its own.
        tallies: what stands for rows that are not read, or not by every family.
        events: the rows that get features, where `rows` are of another table than theirs.
        latest: the past of everything, and of the entity that was asked for last; families of one
            entity often stand together.
    """

    rows: pl.DataFrame
    event: EventConfig
    wanted: pl.Series
    dimensions: Mapping[str, pl.LazyFrame]
    label: pl.Series | None = None
    folder: Path = Path()
    tallies: Mapping[str, Mapping[Tally, TalliedRows]] = field(default_factory=dict)
    events: pl.DataFrame | None = None
    latest: dict[tuple[str, ...], Past] = field(default_factory=dict, repr=False)

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

    def past_of(self, family: FamilyConfig, tally: Tally) -> Past:
        """The rows of each wanted row's entity that a family takes, or the tallies of them."""
        known = self.tallies.get(digest(family), {}).get(tally)
        if known is None:
            return self.past(tally.entity, tally.where)
        taken = self.rows[BATCH_DATE].is_in(known.days).to_numpy()
        if tally.where is not None:
            taken &= self.holds(tally.where)
        return past_with_tallies(
            self.rows, taken, known.table, self.asking, tally.entity, self.time
        )

    def past(self, entity: Sequence[str], where: str | None = None) -> Past:
        """The rows of each wanted row's entity, or only those that a SQL condition takes."""
        key = tuple(entity)
        if key not in self.latest:
            for other in [other for other in self.latest if other]:
                del self.latest[other]
            self.latest[key] = past(self.rows, self.asking, entity, self.time)
        everything = self.latest[key]
        return everything if where is None else everything.only(self.holds(where))

    @property
    def asking(self) -> pl.DataFrame:
        """The wanted rows."""
        return self.rows.filter(self.wanted) if self.events is None else self.events

    def holds(self, condition: str) -> Bools:
        """Whether each row meets a SQL condition; what is missing does not."""
        return holds(self.rows, condition)

    def values(self, expression: str) -> Floats:
        """A SQL expression of each row; NaN where it is missing."""
        return numbers(self.rows, expression)

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
