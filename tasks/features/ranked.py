"""What the values in a window are in order: extremes, quantiles, distinct values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasks.features.codes import Floats, Ints
from tasks.features.order import kth_smallest
from tasks.features.past import Past, Values
from tasks.features.window import Window, microseconds, running

_NEVER = np.iinfo(np.int64).max


def extreme(past: Past, values: Values, windows: Sequence[Window], largest: bool) -> list[Floats]:
    """Largest or smallest values; NaN over nothing.

    Extremes of stretches of 1, 2, 4, … observations are made in turn; two of them, which may
    overlap, cover any range.
    """
    keep, nothing = (np.maximum, -np.inf) if largest else (np.minimum, np.inf)
    own = values.rows[past.rows]
    known = np.where(np.isfinite(own), own, nothing)
    table = past.observed(known, f"{values.name}:{'max' if largest else 'min'}")
    found = [np.full(len(past.asked), nothing) for _ in windows]
    lengths = [w.high - w.low for w in windows]
    stretch, longest = 1, max((int(n.max(initial=0)) for n in lengths), default=0)
    while stretch <= longest:
        for window, length, result in zip(windows, lengths, found, strict=True):
            fits = np.flatnonzero((length >= stretch) & (length < 2 * stretch))
            result[fits] = keep(table[window.low[fits]], table[window.high[fits] - stretch])
        table = keep(table[:-stretch], table[stretch:])
        stretch *= 2
    return [np.where(np.isfinite(result), result, np.nan) for result in found]


def quantile(past: Past, values: Floats, share: float, windows: Sequence[Window]) -> list[Floats]:
    """Quantiles, linear between the two nearest values; NaN over nothing."""
    present = np.isfinite(values[past.rows])
    own, entities = values[past.rows][present], past.entities[present]
    order = np.lexsort((own, entities))
    # Numbers within the entity: few bits, and all that a range can compare.
    numbers = np.empty(len(own), np.int64)
    numbers[order] = np.arange(len(own)) - _starts(entities[order])
    index = running(present.astype(np.int64))
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
        return [np.full(len(past.asked), np.nan) for _ in windows]
    found = kth_smallest(numbers, asked)
    ordered, first = own[order], np.searchsorted(entities, past.asking)
    quantiles = []
    for weight, there, below, above in zip(weights, some, found[::2], found[1::2], strict=True):
        least = ordered[np.where(there, first + below, 0)]
        most = ordered[np.where(there, first + above, 0)]
        quantiles.append(np.where(there, least + weight * (most - least), np.nan))
    return quantiles


def distinct(past: Past, values: Ints, windows: Sequence[Window]) -> list[Floats]:
    """Distinct values in each window.

    A value is in the past for a stretch of time: from an observation of it until `span`
    after, and on while it is observed again. Stretches that began, less those that ended,
    are the values that are there.

    Args:
        past: the observations.
        values: a code of the value of each row; negative where it is missing.
        windows: the windows.
    """
    before, after = _gaps(past, values[past.rows])
    present = values[past.rows] >= 0
    first = np.searchsorted(past.entities, past.asking)
    found = []
    for window in windows:
        span = microseconds(window.span)
        began = running((present & (before > span)).astype(np.int64))
        ended = running((present & (after > span)).astype(np.int64))
        there = began[window.high] - began[first] - ended[window.low] + ended[first]
        found.append(there.astype(np.float64))
    return found


def _gaps(past: Past, values: Ints) -> tuple[Ints, Ints]:
    """Microseconds to its entity's last and next observation of the same value."""
    order = np.lexsort((values, past.entities))
    same = (np.diff(past.entities[order]) == 0) & (np.diff(values[order]) == 0)
    gap = np.where(same, np.diff(past.times[order]), _NEVER)
    before, after = (np.full(len(values), _NEVER) for _ in range(2))
    before[order[1:]], after[order[:-1]] = gap, gap
    return before, after


def _starts(entities: Ints) -> Ints:
    """Index of the first observation of each one's entity, of sorted entities."""
    new = np.diff(entities, prepend=entities[:1] - 1) != 0
    index = np.arange(len(entities))
    return np.maximum.accumulate(np.where(new, index, 0)) if len(entities) else index
