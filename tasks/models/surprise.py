"""A watch over one series: each point is scored as it comes, from those before it alone.

Nine measures of a point are each ranked among their past: the change, the residual of a linear
forecast, means and spreads of the last 10 and 30 points, and by how much the mean of 60 moved. What
is beyond nine tenths of its past surprises; the surprises add up.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tasks.core.errors import ModelError
from tasks.models.base import Vector
from tasks.models.ranks import BODY, Rarity
from tasks.models.surprise_config import SurpriseConfig

MEASURES = (
    *("change", "high_mean_10", "low_mean_10", "high_mean_30", "low_mean_30"),
    *("spread_10", "spread_30", "moved_mean_60", "forecast_error"),
)
_SHORT, _LONG, _MEAN, _APART = 10, 30, 60, 30
_LEAD = _MEAN + _APART  # points before one that its measures are taken from
LEAST_POINTS = 100
_RIDGE = 1e-4  # of the forecast, in variances of the series
_USUAL = -float(np.log1p(-BODY))


class Surprise:
    """A watch that has learned from the start of a series.

    Args:
        first: points to learn from (n_points,), at least 100; they are not scored.
        config: how it learns.

    Raises:
        ModelError: too few points, or some that are not finite.

    Example:
        >>> quiet = np.sin(np.arange(600) / 5) + np.random.default_rng(0).normal(0, 0.1, 600)
        >>> watch = Surprise(quiet[:400])
        >>> bool(watch.extend(quiet[400:]).max() < 10 < watch.update(9.0))
        True
    """

    def __init__(self, first: Vector, config: SurpriseConfig | None = None) -> None:
        self._config = config or SurpriseConfig()
        values = np.asarray(first, np.float64)
        if len(values) < LEAST_POINTS + self._config.lags or not np.isfinite(values).all():
            raise ModelError(
                f"at least {LEAST_POINTS + self._config.lags} finite points to learn from",
                found=f"{len(values)}, {int(np.isfinite(values).sum())} of them finite",
                where="the start of a series",
                do="Begin with a longer stretch, and fill its gaps.",
            )
        self._values = values
        start = max(_LEAD, self._config.lags, len(values) // 3)
        self._forecast = self._learn_forecast(values[:start])
        self._past = self._measure(values, len(values) - start)
        self._learn()

    def update(self, value: float) -> float:
        """Score the next point, which need not be finite: one that is missing surprises nobody."""
        return float(self.extend([value])[0])

    def extend(self, values: Iterable[float]) -> Vector:
        """Score the next points (n_points,), each from those before it alone."""
        return np.asarray(self.parts(values).sum(axis=1), np.float64)

    def parts(self, values: Iterable[float]) -> Vector:
        """The next points' surprise by measure (n_points, n_measures), in nats."""
        coming = np.asarray(list(values), np.float64)
        found = [np.empty((0, len(MEASURES)))]
        while len(coming):
            size = self._left  # up to where all is learned again
            found.append(self._take(coming[:size]))
            coming = coming[size:]
        return np.concatenate(found)

    def _take(self, values: Vector) -> Vector:
        known = np.isfinite(values)
        filled = _carried(values, float(self._values[-1]))
        self._values = np.concatenate([self._values, filled])[-self._config.memory :]
        measured = self._measure(self._values, len(filled))
        surprise = np.column_stack(
            [rarity.of(column) for rarity, column in zip(self._rarities, measured.T, strict=True)]
        )
        self._past = np.concatenate([self._past, measured])[-self._config.memory :]
        self._left -= len(values)
        if not self._left:
            self._learn()
        return np.maximum(surprise - _USUAL, 0) * known[:, None]

    def _learn(self) -> None:
        self._rarities = [Rarity.learn(column) for column in self._past.T]
        self._forecast = self._learn_forecast(self._values)
        self._left = self._config.refit

    def _measure(self, values: Vector, count: int) -> Vector:
        """Measures of the last points (count, n_measures), from those before them."""
        tail = values[-(count + max(_LEAD, self._config.lags)) :]
        means = {size: _windows(tail, size, count).mean(axis=1) for size in (_SHORT, _LONG)}
        spreads = [_windows(tail, size, count).std(axis=1) for size in (_SHORT, _LONG)]
        wide = _windows(tail, _MEAN, count + _APART).mean(axis=1)
        lagged = np.hstack([_windows(tail[:-1], self._config.lags, count), np.ones((count, 1))])
        columns = [np.abs(np.diff(tail))[-count:]]
        columns += [sign * means[size] for size in (_SHORT, _LONG) for sign in (1, -1)]
        columns += [*spreads, np.abs(wide[_APART:] - wide[:-_APART])]
        return np.column_stack([*columns, np.abs(tail[-count:] - lagged @ self._forecast)])

    def _learn_forecast(self, values: Vector) -> Vector:
        """Weights of the last points and a constant, by ridge regression on what is remembered."""
        lags = self._config.lags
        rows = sliding_window_view(values, lags)[:-1]
        lagged, truth = np.hstack([rows, np.ones((len(rows), 1))]), values[lags:]
        penalty = _RIDGE * float(truth.var()) * np.eye(lags + 1) + 1e-12 * np.eye(lags + 1)
        gram = lagged.T @ lagged / len(rows) + penalty
        return np.asarray(np.linalg.solve(gram, lagged.T @ truth / len(rows)), np.float64)


def alarms(scores: Vector, threshold: float, rest: float) -> Vector:
    """Positions of alarms: points that reach the threshold, and none for a while after each.

    Args:
        scores: surprise of each point (n_points,).
        threshold: as of `SurpriseConfig`.
        rest: points of silence after an alarm.
    """
    found: list[int] = []
    for place in np.flatnonzero(scores >= threshold):
        if not found or place - found[-1] > rest:
            found.append(int(place))
    return np.asarray(found, np.int64)


def _windows(values: Vector, size: int, count: int) -> Vector:
    """The windows that end at each of the last points (count, size)."""
    return np.asarray(sliding_window_view(values, size)[-count:])


def _carried(values: Vector, before: float) -> Vector:
    """Values with each gap filled by what was last known."""
    known = np.isfinite(values)
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    return np.where(last >= 0, values[np.maximum(last, 0)], before)
