"""Windows: the event tables of a range of dates, and what stays missing of them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from flows import arrivals
from flows.landing import landed
from flows.pipeline import Pipeline
from tasks.core.artifacts import Ref, Valid
from tasks.core.errors import DataError, SourceMissingError
from tasks.validate.suites import tables_needed


@dataclass(frozen=True, slots=True)
class Window:
    """The valid event tables of a range of dates.

    Args:
        tables: one reference for each date that has one, in order.
        gaps: open dates whose data are missing or unfit, with the reason.
    """

    tables: Mapping[dt.date, Ref[Valid]]
    gaps: Mapping[dt.date, str]

    def between(self, first: dt.date, last: dt.date) -> tuple[Ref[Valid], ...]:
        """The tables from first to last, both included."""
        return tuple(ref for day, ref in self.tables.items() if first <= day <= last)

    def told(self, name: str = "") -> tuple[str, ...]:
        """The gaps, one line for dates in a row with alike reasons.

        Args:
            name: the table, where it is not that of the events.
        """
        of = f" of {name}" if name else ""
        return tuple(_told(run, of) for run in self._runs())

    def _runs(self) -> Iterator[tuple[tuple[dt.date, str], ...]]:
        """Gaps with no landed date between them, and reasons that differ in numbers only."""
        days = sorted({*self.tables, *self.gaps})
        alike = groupby(days, lambda day: re.sub(r"\d+", "", self.gaps.get(day, "")))
        for reason, run in alike:
            if reason:
                yield tuple((day, self.gaps[day]) for day in run)


def _told(run: Sequence[tuple[dt.date, str]], of: str) -> str:
    (first, reason), (last, _) = run[0], run[-1]
    if len(run) == 1:
        return f"{first}{of}: {reason}"
    return f"{len(run)} dates{of}, {first} to {last}; of the first: {reason}"


def window(pipeline: Pipeline, first: dt.date, last: dt.date, table: str | None = None) -> Window:
    """The valid event tables from first to last, landing the dates that never were.

    A night's features are a function of its window, so the window has to be whole before the
    night may use it, in whatever order the nights are run. `table` names another table than that
    of the events.
    """
    table = table or pipeline.config.event.table
    names = [table, *sorted(_needed(pipeline, table))]
    tables: dict[dt.date, Ref[Valid]] = {}
    gaps: dict[dt.date, str] = {}
    days = pipeline.config.calendar.open_days(first, last)
    known, failures = arrivals.cover(pipeline, names, days)
    for day in days:
        try:
            if day in failures:
                raise failures[day]
            tables[day] = landed(pipeline, day, names, known)[table]
        except (DataError, SourceMissingError) as error:
            gaps[day] = f"{error.required}; found {error.found}"
    return Window(tables, gaps)


def _needed(pipeline: Pipeline, table: str) -> frozenset[str]:
    suite = pipeline.suites.get(table)
    return tables_needed(suite, pipeline.config.validation) if suite else frozenset()
