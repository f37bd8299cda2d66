"""Windows of the past: ranges of observations in the order of entity and time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.features.codes import Floats, Ints


@dataclass(frozen=True, slots=True)
class Window:
    """The past of each event in one window: a range of the observations.

    Args:
        low: index of the first observation in it, one an event.
        high: index after the last one; equal to `low` where there is none.
        name: what its features end in: `7d`, or `last5` where it has so many rows at most.
        span: its length.
        rows: rows before each observation, where one stands for several.
    """

    low: Ints
    high: Ints
    name: str
    span: dt.timedelta
    rows: Ints | None = None

    @property
    def count(self) -> Floats:
        """Rows in each range."""
        if self.rows is not None:
            return (self.rows[self.high] - self.rows[self.low]).astype(np.float64)
        return (self.high - self.low).astype(np.float64)


def ranges(values: Ints, windows: Sequence[Window]) -> list[Floats]:
    """Sums of whole numbers over each range of the observations."""
    sums = running(values)
    return [(sums[w.high] - sums[w.low]).astype(np.float64) for w in windows]


def running(values: Ints) -> Ints:
    """Sums of all values before each place, and after the last."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(values)])


def microseconds(span: dt.timedelta) -> int:
    """A span as times are counted."""
    return span // dt.timedelta(microseconds=1)
