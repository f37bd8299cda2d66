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
from tasks.features.codes import Ints, codes
from tasks.features.order import kth_smallest

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)

_FRACTION = 2.0**32
_LARGEST = 2.0**52
_WIDEST = 2.0**42
_UNITS = 2.0**20
_NEVER = np.iinfo(np.int64).max
_FEW = 4
NO_DELAY = dt.timedelta(0)


@dataclass(frozen=True, slots=True)
class Window:
    """The past of each event in one window: a range of the observations.

    Args:
        low: index of the first observation in it, one an event.
        high: index after the last one; equal to `low` where there is none.
        name: what its features end in: `7d`, or `last5` where it has so many rows at most.
        span: its length.
    """

    low: Ints
    high: Ints
    name: str
    span: dt.timedelta

    @property
    def count(self) -> Floats:
        """Observations in each range."""
        return (self.high - self.low).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Past:
    """Observations by entity and time, and the events that ask for those before them.

    What is taken of the past is in the order of entity and time as well, so that neighbours lie
    together in memory; `align` and `restore` go from the order of the events and back.

    Args:
        rows: row of each observation in its table; sorted by entity, then time.
        entities: code of each observation's entity.
        times: time of each observation, microseconds.
        keys: number of each observation in the order of entity and time.
        instants: the different times in the table, in order.
        asked: time of each event, microseconds; the events by entity, then time.
        asking: code of each event's entity, in the same order; negative where it is not named.
        order: place of each of these among the events as they came, which is by time.
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
        timed = [
            Window(self._edge(delay + span), high, format_duration(span), span) for span in spans
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

    def count(self, marked: Bools, windows: Sequence[Window]) -> list[Floats]:
        """Rows of the table that are marked."""
        return _ranges(marked[self.rows].astype(np.int64), windows)

    def sum(self, values: Floats, windows: Sequence[Window]) -> list[Floats]:
        """Exact sums to 2**-32 of values up to 2**52 in size; missing values add nothing."""
        own = values[self.rows]
        bounded = np.clip(np.nan_to_num(own, posinf=0, neginf=0), -_LARGEST, _LARGEST)
        whole = np.floor(bounded)
        parts = np.rint((bounded - whole) * _FRACTION).astype(np.int64)
        # Integers wrap around, and a difference of wrapped sums is the sum of the range.
        sums = _ranges(whole.astype(np.int64), windows)
        if not parts.any():
            return sums
        fractions = _ranges(parts, windows)
        return [s + f / _FRACTION for s, f in zip(sums, fractions, strict=True)]

    def counts(self, values: Floats, windows: Sequence[Window]) -> list[Floats]:
        """Values that are there."""
        present = np.isfinite(values[self.rows])
        if present.all():
            return [window.count for window in windows]
        return _ranges(present.astype(np.int64), windows)

    def mean(self, values: Floats, windows: Sequence[Window]) -> list[Floats]:
        """Means; NaN over nothing."""
        sums, counts = self.sum(values, windows), self.counts(values, windows)
        return [divide(s, n) for s, n in zip(sums, counts, strict=True)]

    def std(self, values: Floats, windows: Sequence[Window]) -> list[Floats]:
        """Sample deviations, NaN over fewer than two; of values to 2**-20, up to 2**42 in size.

        A spread below a millionth of the mean counts as none: it would be of rounding.
        """
        present = np.isfinite(values)
        bounded = np.clip(np.nan_to_num(values), -_WIDEST, _WIDEST)
        # Of rounded values both moments: their difference would be of rounding otherwise.
        known = np.where(present, np.rint(bounded * _UNITS) / _UNITS, np.nan)
        counts = self.counts(values, windows)
        moments = zip(counts, self.sum(known, windows), self._squares(known, windows), strict=True)
        return [_deviation(*moment) for moment in moments]

    def extreme(self, values: Floats, windows: Sequence[Window], largest: bool) -> list[Floats]:
        """Largest or smallest values; NaN over nothing.

        Extremes of stretches of 1, 2, 4, … observations are made in turn; two of them, which may
        overlap, cover any range.
        """
        keep, nothing = (np.maximum, -np.inf) if largest else (np.minimum, np.inf)
        table = np.where(np.isfinite(values[self.rows]), values[self.rows], nothing)
        found = [np.full(len(self.asked), nothing) for _ in windows]
        lengths = [w.high - w.low for w in windows]
        stretch, longest = 1, max((int(n.max(initial=0)) for n in lengths), default=0)
        while stretch <= longest:
            for window, length, result in zip(windows, lengths, found, strict=True):
                fits = np.flatnonzero((length >= stretch) & (length < 2 * stretch))
                result[fits] = keep(table[window.low[fits]], table[window.high[fits] - stretch])
            table = keep(table[:-stretch], table[stretch:])
            stretch *= 2
        return [np.where(np.isfinite(result), result, np.nan) for result in found]

    def quantile(self, values: Floats, share: float, windows: Sequence[Window]) -> list[Floats]:
        """Quantiles, linear between the two nearest values; NaN over nothing."""
        present = np.isfinite(values[self.rows])
        own, entities = values[self.rows][present], self.entities[present]
        order = np.lexsort((own, entities))
        # Numbers within the entity: few bits, and all that a range can compare.
        numbers = np.empty(len(own), np.int64)
        numbers[order] = np.arange(len(own)) - _starts(entities[order])
        index = _running(present.astype(np.int64))
        asked, weights, some = [], [], []
        for window in windows:
            low, high = index[window.low], index[window.high]
            place = share * np.maximum(high - low - 1, 0)
            below = np.floor(place).astype(np.int64)
            above = np.minimum(below + 1, np.maximum(high - low - 1, 0))
            asked += [(low, high, below), (low, high, above)]
            weights.append(place - below)
            some.append(high > low)
        if not len(own):
            return [np.full(len(self.asked), np.nan) for _ in windows]
        found = kth_smallest(numbers, asked)
        ordered, first = own[order], np.searchsorted(entities, self.asking)
        quantiles = []
        for weight, there, below, above in zip(weights, some, found[::2], found[1::2], strict=True):
            least = ordered[np.where(there, first + below, 0)]
            most = ordered[np.where(there, first + above, 0)]
            quantiles.append(np.where(there, least + weight * (most - least), np.nan))
        return quantiles

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
        then = self.times[np.where(some, index, 0)] if len(self.times) else np.zeros_like(index)
        return np.where(some, (self.asked - then) / 3.6e9, np.nan)

    def distinct(self, values: Ints, windows: Sequence[Window]) -> list[Floats]:
        """Distinct values in each window.

        A value is in the past for a stretch of time: from an observation of it until `span`
        after, and on while it is observed again. Stretches that began, less those that ended,
        are the values that are there.

        Args:
            values: a code of the value of each row; negative where it is missing.
            windows: the windows.
        """
        before, after = self._gaps(values[self.rows])
        present = values[self.rows] >= 0
        first = np.searchsorted(self.entities, self.asking)
        found = []
        for window in windows:
            span = _microseconds(window.span)
            began = _running((present & (before > span)).astype(np.int64))
            ended = _running((present & (after > span)).astype(np.int64))
            there = began[window.high] - began[first] - ended[window.low] + ended[first]
            found.append(there.astype(np.float64))
        return found

    def _squares(self, values: Floats, windows: Sequence[Window]) -> list[Floats]:
        """Exact sums of squares of multiples of 2**-20, in four digits of base 2**16."""
        fixed = np.rint(np.nan_to_num(values[self.rows]) * _UNITS).astype(np.int64)
        digits = [fixed >> 48, *((fixed >> shift) & 0xFFFF for shift in (32, 16, 0))]
        totals = [np.zeros(len(self.asked)) for _ in windows]
        for place in range(7):
            pairs = [(i, place - i) for i in range(4) if 0 <= place - i < 4]
            products = np.sum([digits[i] * digits[j] for i, j in pairs], axis=0)
            for total, part in zip(totals, _ranges(products, windows), strict=True):
                total += part * 2.0 ** (56 - 16 * place)
        return totals

    def _edge(self, before: dt.timedelta) -> Ints:
        """Index of the first observation of each event's entity not before a time."""
        back = _microseconds(before)
        if back not in self.edges:
            # Sorted needles are found fast: instants as the events came, keys by entity.
            ranks = np.searchsorted(self.instants, self.restore(self.asked) - back)
            keys = _keys(self.asking, self.align(ranks), self.instants)
            self.edges[back] = np.searchsorted(self.keys, keys)
        return self.edges[back]

    def _gaps(self, values: Ints) -> tuple[Ints, Ints]:
        """Microseconds to its entity's last and next observation of the same value."""
        order = np.lexsort((values, self.entities))
        same = (np.diff(self.entities[order]) == 0) & (np.diff(values[order]) == 0)
        gap = np.where(same, np.diff(self.times[order]), _NEVER)
        before, after = (np.full(len(values), _NEVER) for _ in range(2))
        before[order[1:]], after[order[:-1]] = gap, gap
        return before, after


def past(observed: pl.DataFrame, asking: pl.DataFrame, entity: Sequence[str], time: str) -> Past:
    """Order observations by entity and time, and find each event's entity among them.

    Args:
        observed: the table observations come from, sorted by time.
        asking: the events; the same columns.
        entity: columns that name the entity; none means that all rows have one past.
        time: the time column of both.
    """
    near = _near(observed, asking, entity)
    seen, asking_codes = codes(
        observed if near is None else observed.select(entity)[near], asking, entity
    )
    taken = np.flatnonzero(seen >= 0)
    taken = taken[_by_code(seen[taken])]
    rows = taken if near is None else near[taken]
    times = instants(observed, time)
    new = np.diff(times, prepend=times[:1] - 1) > 0
    ranks = np.cumsum(new) - 1
    order = _by_code(asking_codes + 1)
    return Past(
        rows,
        seen[taken],
        times[rows],
        _keys(seen[taken], ranks[rows], times[new]),
        times[new],
        instants(asking, time)[order],
        asking_codes[order],
        order,
    )


def _near(observed: pl.DataFrame, asking: pl.DataFrame, entity: Sequence[str]) -> Ints | None:
    """Rows whose entity asks, where few events ask: sorting them all would cost the most."""
    if not entity or asking.height * _FEW > observed.height:
        return None
    asked = asking.select(entity).unique()
    numbered = observed.select(entity).with_row_index("_row")
    found = numbered.join(asked, on=list(entity), how="semi", maintain_order="left")
    rows: Ints = found["_row"].cast(pl.Int64).to_numpy()
    return rows


def _keys(entities: Ints, ranks: Ints, instants: Ints) -> Ints:
    """Numbers in the order of entity and time; of a time only its rank, lest they overflow."""
    return entities * (len(instants) + 1) + ranks


def _by_code(codes: Ints) -> Ints:
    """Rows by code, those of one code in their order; narrow integers sort by radix."""
    narrow = codes.astype(np.uint16) if codes.max(initial=0) < 1 << 16 else codes
    return np.argsort(narrow, kind="stable")


def instants(table: pl.DataFrame, time: str) -> Ints:
    """Times in microseconds."""
    return table[time].cast(pl.Datetime("us")).cast(pl.Int64).to_numpy()


def divide(above: Floats, below: Floats) -> Floats:
    """A quotient; NaN where the divisor is zero or missing."""
    some = np.isfinite(below) & (below != 0)
    quotient: Floats = np.divide(above, below, out=np.full(len(above), np.nan), where=some)
    return quotient


def _deviation(count: Floats, total: Floats, squares: Floats) -> Floats:
    about_mean = squares - divide(total, count) * total
    about_mean = np.where(about_mean > 1e-12 * squares, about_mean, 0.0)
    return np.sqrt(divide(about_mean, count - 1) * np.where(count > 1, 1.0, np.nan))


def _ranges(values: Ints, windows: Sequence[Window]) -> list[Floats]:
    running = _running(values)
    return [(running[w.high] - running[w.low]).astype(np.float64) for w in windows]


def _running(values: Ints) -> Ints:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(values)])


def _starts(entities: Ints) -> Ints:
    """Index of the first observation of each one's entity, of sorted entities."""
    new = np.diff(entities, prepend=entities[:1] - 1) != 0
    index = np.arange(len(entities))
    return np.maximum.accumulate(np.where(new, index, 0)) if len(entities) else index


def _microseconds(span: dt.timedelta) -> int:
    return span // dt.timedelta(microseconds=1)
