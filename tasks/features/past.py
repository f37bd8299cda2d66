"""The rows strictly before each event: the one place that looks back in time.

Every window is [t - delay - w, t - delay): closed on the left, so that rows of the same instant,
which may have been written after this one, are not its past. Sums are exact, so that a feature
depends on the rows of its window and on nothing else, not even by rounding: rolling sums carry a
trace of what left the window, and sums in another order differ in their last digits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.core.config import format_duration
from tasks.features.arithmetic import (
    EXACT,
    FRACTION,
    deviation,
    divide,
    rounded,
    squares,
    whole_and_fraction,
)
from tasks.features.codes import Bools, Floats, Ints, keys
from tasks.features.window import Window, microseconds, ranges, running

T = TypeVar("T", bound=np.generic)

NO_DELAY = dt.timedelta(0)


@dataclass(frozen=True, slots=True)
class Values:
    """A number of each row, NaN where it is missing, under the name that tallies know it by."""

    name: str
    rows: Floats


@dataclass(frozen=True, slots=True)
class Tallied:
    """Tallies among observations.

    Args:
        table: the tallies, in the order of the observations.
        places: which observations they are.
        weights: how many rows each observation stands for.
        firsts: time of the first of them, microseconds.
    """

    table: pl.DataFrame
    places: Ints
    weights: Ints
    firsts: Ints


@dataclass(frozen=True, slots=True)
class Past:
    """Observations by entity and time, and the events that ask for those before them.

    An observation is a row, or the tally of several that no edge of a window parts.

    What is taken of the past is in the order of entity and time as well, so that neighbours lie
    together in memory; `align` and `restore` go from the order of the events and back.

    Args:
        rows: row of each observation in its table, any where it is a tally; sorted by entity, then
            time.
        entities: code of each observation's entity.
        times: time of each observation, microseconds; of a tally that of its last row.
        keys: number of each observation in the order of entity and time.
        instants: the different times in the table, in order.
        asked: time of each event, microseconds; the events by entity, then time.
        asking: code of each event's entity, in the same order; negative where it is not named.
        order: place of each of these among the events as they came, which is by time.
        tallied: the tallies among the observations; None where there are none.
        edges: index of the first observation not before a time, by how long it lies before the
            event: families of one entity ask for the same ones.
    """

    rows: Ints
    entities: Ints
    times: Ints
    keys: Ints
    instants: Ints
    asked: Ints
    asking: Ints
    order: Ints
    tallied: Tallied | None = None
    edges: dict[int, Ints] = field(default_factory=dict, repr=False)

    @property
    def named(self) -> Bools:
        """Whether each event's entity is named; those without have no past in common."""
        return self.asking >= 0

    def align(self, values: NDArray[T]) -> NDArray[T]:
        """Values of the events as they came, by entity and time."""
        return values[self.order]

    def restore(self, values: NDArray[T]) -> NDArray[T]:
        """Values by entity and time, for the events as they came."""
        restored = np.empty_like(values)
        restored[self.order] = values
        return restored

    def windows(
        self,
        spans: Sequence[dt.timedelta],
        delay: dt.timedelta = NO_DELAY,
        last: Sequence[int] = (),
    ) -> list[Window]:
        """The observations of each event's entity before it.

        Args:
            spans: lengths of time.
            delay: the spans end this long before the event.
            last: numbers of rows: the last ones within the longest span.

        Returns:
            A window for each span, then one for each number of rows.
        """
        high = self._edge(delay)
        rows = None if self.tallied is None else running(self.tallied.weights)
        timed = [
            Window(self._edge(delay + span), high, format_duration(span), span, rows)
            for span in spans
        ]
        longest = max(timed, key=lambda window: window.span)
        return timed + [
            Window(np.maximum(longest.low, high - rows), high, f"last{rows}", longest.span)
            for rows in last
        ]

    def steps(self, every: dt.timedelta, count: int) -> list[Window]:
        """Windows of one length, one before the other; the oldest first."""
        edges = [self._edge(back * every) for back in range(count, -1, -1)]
        return [
            Window(low, high, str(number - count), every)
            for number, (low, high) in enumerate(pairwise(edges))
        ]

    def only(self, taken: Bools) -> Past:
        """The past with only some rows of the table in it."""
        kept = taken[self.rows]
        return replace(
            self,
            rows=self.rows[kept],
            entities=self.entities[kept],
            times=self.times[kept],
            keys=self.keys[kept],
            edges={},
        )

    def observed(self, of_rows: NDArray[T], name: str) -> NDArray[T]:
        """Of each observation what is computed of its row, or what its tally has by a name."""
        if self.tallied is not None:
            of_rows[self.tallied.places] = self.tallied.table[name].to_numpy()
        return of_rows

    def count(self, marked: Bools, windows: Sequence[Window], name: str = "") -> list[Floats]:
        """Rows of the table that are marked."""
        return ranges(self.observed(marked[self.rows].astype(np.int64), name), windows)

    def sum(self, values: Values, windows: Sequence[Window]) -> list[Floats]:
        """Exact sums to 2**-32 of values up to 2**52 in size; missing values add nothing."""
        parts = dict(zip(EXACT, whole_and_fraction(values.rows[self.rows]), strict=True))
        # Integers wrap around, and a difference of wrapped sums is the sum of the range.
        whole, fraction = (self.observed(p, f"{values.name}:{name}") for name, p in parts.items())
        sums = ranges(whole, windows)
        if not fraction.any():
            return sums
        fractions = ranges(fraction, windows)
        return [s + f / FRACTION for s, f in zip(sums, fractions, strict=True)]

    def counts(self, values: Values, windows: Sequence[Window]) -> list[Floats]:
        """Values that are there."""
        present = np.isfinite(values.rows[self.rows])
        if self.tallied is None and present.all():
            return [window.count for window in windows]
        known = self.observed(present.astype(np.int64), f"{values.name}:present")
        return ranges(known, windows)

    def mean(self, values: Values, windows: Sequence[Window]) -> list[Floats]:
        """Means; NaN over nothing."""
        sums, counts = self.sum(values, windows), self.counts(values, windows)
        return [divide(s, n) for s, n in zip(sums, counts, strict=True)]

    def std(self, values: Values, windows: Sequence[Window]) -> list[Floats]:
        """Sample deviations, NaN over fewer than two; of values to 2**-20, up to 2**42 in size.

        A spread below a millionth of the mean counts as none: it would be of rounding.
        """
        # Of rounded values both moments: their difference would be of rounding otherwise.
        known = Values(f"{values.name}:rounded", rounded(values.rows))
        counts = self.counts(values, windows)
        moments = zip(counts, self.sum(known, windows), self._squares(known, windows), strict=True)
        return [deviation(*moment) for moment in moments]

    def run_starts(self, values: Ints) -> Ints:
        """Index of the first of the observations, up to each, that have its value unbroken.

        Args:
            values: a code of the value of each row; a missing value is one as well.
        """
        own = values[self.rows]
        index = np.arange(len(own))
        new = np.ones(len(own), np.bool_)
        new[1:] = (np.diff(own) != 0) | (np.diff(self.entities) != 0)
        starts: Ints = np.maximum.accumulate(np.where(new, index, 0)) if len(own) else index
        return starts

    def step(self, values: Floats, window: Window, back: int) -> Floats:
        """The value `back` observations before the event; NaN where the window has fewer."""
        index = window.high - back
        there = index >= window.low
        if not len(self.rows):
            return np.full(len(self.asked), np.nan)
        return np.where(there, values[self.rows[np.where(there, index, 0)]], np.nan)

    def hours_since(self, window: Window, first: bool) -> Floats:
        """Hours since the first or the last observation in the window; NaN over nothing."""
        index = window.low if first else window.high - 1
        some = window.high > window.low
        times = self.tallied.firsts if first and self.tallied else self.times
        then = times[np.where(some, index, 0)] if len(times) else np.zeros_like(index)
        return np.where(some, (self.asked - then) / 3.6e9, np.nan)

    def _squares(self, values: Values, windows: Sequence[Window]) -> list[Floats]:
        """Exact sums of squares of multiples of 2**-20."""
        totals = [np.zeros(len(self.asked)) for _ in windows]
        for place, (products, weight) in enumerate(squares(values.rows[self.rows])):
            own = self.observed(products, f"{values.name}:square_{place}")
            for total, part in zip(totals, ranges(own, windows), strict=True):
                total += part * weight
        return totals

    def _edge(self, before: dt.timedelta) -> Ints:
        """Index of the first observation of each event's entity not before a time."""
        back = microseconds(before)
        if back not in self.edges:
            # Sorted needles are found fast: instants as the events came, keys by entity.
            ranks = np.searchsorted(self.instants, self.restore(self.asked) - back)
            asked = keys(self.asking, self.align(ranks), self.instants)
            self.edges[back] = np.searchsorted(self.keys, asked)
        return self.edges[back]
