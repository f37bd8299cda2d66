"""Score a series point by point with any model of windows, each from what came before it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from tasks.models.base import Matrix, Scorer

_SERIES = "series"


def window_names(channels: Sequence[str], steps: int) -> tuple[str, ...]:
    """The columns of a table of windows: the steps before a point, and the point itself, `@0`."""
    return tuple(f"{_SERIES}.{each}@{step}" for step in range(1 - steps, 1) for each in channels)


def windows_of(values: npt.ArrayLike, steps: int) -> Matrix:
    """Every whole window of a series as a row, to fit a model on.

    Args:
        values: (n_points, n_channels).
        steps: points in a window.

    Returns:
        float32 (n_points - steps + 1, steps * n_channels), columns as `window_names` has them.
    """
    table = np.asarray(values, np.float32)
    moved = sliding_window_view(table, steps, axis=0).transpose(0, 2, 1)
    return np.ascontiguousarray(moved.reshape(len(moved), -1))


class Stream:
    """A series that is scored as it comes.

    Args:
        scorer: a model fitted on `windows_of` the series' past.
        channels: how many.
        steps: points in a window.
        past: the points before the first that is scored (n_points, n_channels); missing ones, where
            there are fewer than a window needs.
    """

    def __init__(
        self, scorer: Scorer, channels: int, steps: int, past: Iterable[Sequence[float]] = ()
    ) -> None:
        self._scorer = scorer
        gaps = [(float("nan"),) * channels] * steps
        self._points = deque([*gaps, *(tuple(point) for point in past)], maxlen=steps)

    def update(self, point: Sequence[float]) -> float:
        """Score the next point, one number a channel; NaN where one is missing."""
        self._points.append(tuple(point))
        row = np.asarray(self._points, np.float32).reshape(1, -1)
        return float(self._scorer.score(row)[0])
