"""Streaks: the entity's last rows before an event that have something in common."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from tasks.features.codes import Floats, Ints, codes
from tasks.features.history import named
from tasks.features.past import Past
from tasks.features.past_config import StreaksFamily
from tasks.features.timeline import Timeline
from tasks.features.window import Window


def streaks(family: StreaksFamily, timeline: Timeline) -> pl.DataFrame:
    """Lengths of streaks; rows and hours since a value changed; whether it changes now."""
    before = timeline.past(family.entity)
    windows = before.windows(family.windows)
    prefix = "+".join(family.entity)
    features = [*_conditions(family, timeline, before, windows)]
    features += _unchanged(family, timeline, before, windows)
    return named(before, ((f"{prefix}.{name}", values) for name, values in features))


def _conditions(
    family: StreaksFamily, timeline: Timeline, before: Past, windows: list[Window]
) -> Iterator[tuple[str, Floats]]:
    for name, condition in family.conditions.items():
        holds = timeline.holds(condition).astype(np.int64)
        starts = before.run_starts(holds)
        for window in windows:
            length = (window.high - _start(starts, window)).astype(np.float64)
            yield f"{name}_streak_{window.name}", length * (_last(before, holds, window) == 1)


def _unchanged(
    family: StreaksFamily, timeline: Timeline, before: Past, windows: list[Window]
) -> Iterator[tuple[str, Floats]]:
    for column in family.unchanged:
        values, asking = codes(timeline.rows, timeline.asking, (column,))
        own = before.align(asking)
        starts = before.run_starts(values)
        for window in windows:
            start, some = _start(starts, window), window.high > window.low
            yield f"{column}_run_{window.name}", (window.high - start).astype(np.float64)
            # A run that reaches the window's edge may have begun before it.
            began = Window(start, np.where(start > window.low, window.high, start), "", window.span)
            yield f"{column}_hours_unchanged_{window.name}", before.hours_since(began, first=True)
            changed = (_last(before, values, window) != own).astype(np.float64)
            yield f"{column}_changes_{window.name}", np.where(some, changed, np.nan)


def _start(starts: Ints, window: Window) -> Ints:
    """Where the last run in each window starts; its end where the window is empty."""
    some = window.high > window.low
    if not len(starts):
        return window.high
    found = np.maximum(starts[np.where(some, window.high - 1, 0)], window.low)
    return np.where(some, found, window.high)


def _last(before: Past, values: Ints, window: Window) -> Ints:
    """The value of the last row in each window; -2 where it is empty."""
    some = window.high > window.low
    if not len(before.rows):
        return np.full(len(some), -2)
    return np.where(some, values[before.rows[np.where(some, window.high - 1, 0)]], -2)
