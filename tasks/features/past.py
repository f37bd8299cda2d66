"""The rows strictly before each event: the one place that looks back in time.

Every window is [t - delay - w, t - delay): closed on the left, so that rows of the same instant,
which may have been written after this one, are not its past. Sums are exact, so that a feature
depends on the rows of its window and on nothing else, not even by rounding: rolling sums carry a
trace of what left the window, and sums in another order differ in their last digits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_FRACTION = 2.0**32
_LARGEST = 2.0**52
_WIDEST = 2.0**42
_UNITS = 2.0**20
_NEVER = np.iinfo(np.int64).max
NO_DELAY = dt.timedelta(0)


@dataclass(frozen=True, slots=True)
class Window:
    """The past of each event in one window: a range of the observations.

    Args:
        low: index of the first observation in it, one an event.
        high: index after the last one; equal to `low` where there is none.
        span: its length.
    """

    low: Ints
    high: Ints
    span: dt.timedelta

    @property
    def count(self) -> Floats:
        """Observations in each range."""
        return (self.high - self.low).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Past:
    """Observations by entity and time, and the events that ask for those before them.

    Args:
        rows: row of each observation in its table; sorted by entity, then time.
        entities: code of each observation's entity.
        times: time of each observation, microseconds.
        keys: number of each observation in the order of entity and time.
        instants: the different times in the table, in order.
        asked: time of each event, microseconds.
        asking: code of each event's entity; negative where it is not named.
        order: the events by entity, then time: in this order searches touch neighbours.
    """

    rows: Ints
    entities: Ints
    times: Ints
    keys: Ints
    instants: Ints
    asked: Ints
    asking: Ints
    order: Ints

    @property
    def named(self) -> Bools:
        """Whether each event's entity is named; those without have no past in common."""
        return self.asking >= 0

    def windows(
        self, spans: Sequence[dt.timedelta], delay: dt.timedelta = NO_DELAY
    ) -> list[Window]:
        """The observations of each event's entity in spans that end `delay` before it."""
        until = self.asked - _microseconds(delay)
        high = self._first_not_before(until)
        return [
            Window(self._first_not_before(until - _microseconds(span)), high, span)
            for span in spans
        ]

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

    def _first_not_before(self, instants: Ints) -> Ints:
        """Index of the first observation of each event's entity at an instant or after."""
        asked = _keys(self.asking, np.searchsorted(self.instants, instants), self.instants)
        found = np.empty_like(asked)
        found[self.order] = np.searchsorted(self.keys, asked[self.order])
        return found

    def _gaps(self, values: Ints) -> tuple[Ints, Ints]:
        """Microseconds to its entity's last and next observation of the same value."""
        order = np.lexsort((values, self.entities))
        same = (np.diff(self.entities[order]) == 0) & (np.diff(values[order]) == 0)
        gap = np.where(same, np.diff(self.times[order]), _NEVER)
        before, after = (np.full(len(values), _NEVER) for _ in range(2))
        before[order[1:]], after[order[:-1]] = gap, gap
        return before, after


def past(
    observed: pl.DataFrame, taken: Bools, asking: pl.DataFrame, entity: Sequence[str], time: str
) -> Past:
    """Order observations by entity and time, and find each event's entity among them.

    Args:
        observed: the table observations come from, sorted by time.
        taken: which of its rows are observations.
        asking: the events; the same columns.
        entity: columns that name the entity; none means that all rows have one past.
        time: the time column of both.
    """
    seen, asking_codes = codes(observed, asking, entity)
    rows = np.flatnonzero(taken & (seen >= 0))
    rows = rows[_by_code(seen[rows])]
    times = instants(observed, time)
    new = np.diff(times, prepend=times[:1] - 1) > 0
    ranks = np.cumsum(new) - 1
    return Past(
        rows,
        seen[rows],
        times[rows],
        _keys(seen[rows], ranks[rows], times[new]),
        times[new],
        instants(asking, time),
        asking_codes,
        _by_code(asking_codes + 1),
    )


def codes(
    observed: pl.DataFrame, asking: pl.DataFrame, columns: Sequence[str]
) -> tuple[Ints, Ints]:
    """One number for each different combination of values, in two tables; -1 where one is null."""
    both = np.zeros(observed.height + asking.height, np.int64)
    missing = np.zeros(len(both), np.bool_)
    for column in columns:
        values = pl.concat([observed[column], asking[column]])
        code = _code(values)
        missing |= code < 0
        # Dense, so that the product does not overflow.
        both = _code(pl.Series(both)) * (code.max(initial=0) + 1) + code
    both = np.where(missing, -1, both)
    return both[: observed.height], both[observed.height :]


def _keys(entities: Ints, ranks: Ints, instants: Ints) -> Ints:
    """Numbers in the order of entity and time; of a time only its rank, lest they overflow."""
    return entities * (len(instants) + 1) + ranks


def _code(values: pl.Series) -> Ints:
    """A number from 0 for each different value, -1 for null; no order is meant."""
    if values.dtype == pl.String:
        codes = values.cast(pl.Categorical).to_physical()
    elif values.dtype.is_integer() and _spread(values) < 2 * len(values):
        codes = values.cast(pl.Int64) - values.cast(pl.Int64).min()
    else:
        codes = values.rank("dense") - 1
    coded: Ints = codes.cast(pl.Int64).fill_null(-1).to_numpy()
    return coded


def _spread(values: pl.Series) -> int:
    least, most = values.min(), values.max()
    return int(most) - int(least) if isinstance(least, int) and isinstance(most, int) else 0


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


def _microseconds(span: dt.timedelta) -> int:
    return span // dt.timedelta(microseconds=1)
