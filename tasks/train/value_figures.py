"""Figures of predicted values: how far they miss, what intervals hold, what a budget finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tasks.models.base import Vector
from tasks.models.records import Curve
from tasks.models.residuals import Residuals
from tasks.models.value_metrics import value_metrics

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_POINTS = 400
_BINS = 10
_EDGE_SHARE = 0.005  # of the rows on either side, beyond what a histogram of misses shows


@dataclass(frozen=True, slots=True)
class ValueFigures:
    """Rows with their true and their predicted values, (n_rows,) each.

    Args:
        labels: true.
        values: predicted.
        residuals: what the model missed by on its calibration part.
        called: 1 where a daily budget of the largest predictions has room, else 0; None where no
            budget is given.
        per_day: that budget.
    """

    labels: Vector
    values: Vector
    residuals: Residuals
    called: Vector | None = None
    per_day: int | None = None

    def at(self, weights: Vector | None) -> dict[str, float]:
        """The measures by name, of rows as often as the weights say; NaN where not defined."""
        low, high = self.residuals.interval(self.values)
        held = (low <= self.labels) & (self.labels <= high)
        width = high - low
        found = value_metrics(self.labels, self.values, weights)
        found |= {
            "mean_value": float(np.average(self.labels, weights=weights)),
            "interval_coverage": float(np.average(held, weights=weights)),
            "interval_width": float(np.average(width, weights=weights))
            if np.isfinite(width).all()
            else float("nan"),
        }
        return found | (self._of_budget(weights) if self.called is not None else {})

    def curves(self, model: str, split: str) -> Iterator[Curve]:
        """True against predicted values, misses, how often intervals hold, and the predictions."""
        if not len(self.labels):
            return
        order = np.argsort(self.values, kind="stable")
        some = order[np.unique(np.linspace(0, len(order) - 1, _POINTS).round().astype(np.int64))]
        yield _curve(model, split, "truth", self.values[some], self.labels[some])
        yield _curve(model, split, "coverage", np.array(LEVELS), self._held())
        misses = self.labels - self.values
        first, last = map(float, np.quantile(misses, [_EDGE_SHARE, 1 - _EDGE_SHARE]))
        edges = np.linspace(first, last, 2 * _BINS + 1)
        if first < last:
            yield _curve(model, split, "residuals", edges, count_within(edges, misses))
        edges = np.unique(np.quantile(self.values, np.linspace(0, 1, _BINS + 1)))
        if len(edges) > 1:
            yield _curve(model, split, "values", edges, count_within(edges, self.values))

    def _held(self) -> Vector:
        """The share of true values within intervals of each level."""
        ends = (self.residuals.interval(self.values, level) for level in LEVELS)
        return np.array(
            [np.mean((low <= self.labels) & (self.labels <= high)) for low, high in ends]
        )

    def _of_budget(self, weights: Vector | None) -> dict[str, float]:
        """The mean true value of the largest predictions of each day."""
        called = np.asarray(self.called)
        weights = called if weights is None else weights * called
        suffix = f"_at_{self.per_day}_a_day"
        if not weights.sum():
            return {f"mean_value{suffix}": float("nan")}
        return {f"mean_value{suffix}": float(np.average(self.labels, weights=weights))}


def count_within(edges: Vector, values: Vector) -> Vector:
    """Rows by bin (n_edges - 1,); what lies beyond the edges counts to the bins at the ends."""
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return counts.astype(np.float64)


def _curve(model: str, split: str, kind: str, x: Vector, y: Vector) -> Curve:
    return Curve(model, split, kind, tuple(map(float, x)), tuple(map(float, y)))
