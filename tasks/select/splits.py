"""Each candidate by itself: what splits at all of its cuts gain, against shuffled labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tasks.select.chance import step_up
from tasks.select.problem import Positions, Problem, thin
from tasks.select.target import Floats, Target
from tasks.select.trees import Table

_BINS = 32
_MOST_ROWS = 10_000
_PENALTY = 1.0  # of a leaf, as XGBoost's `lambda`
_LEAST_SPREAD = 1e-9


def passes_alone(problem: Problem, alpha: float, fdr: float) -> npt.NDArray[np.bool_]:
    """Which groups (n_groups,) gain more than they do with shuffled labels, each by itself.

    The gain of a tree of one split, averaged over all cuts of a feature, is Anderson and Darling's
    statistic of its values in two classes. Other features have no part in it: what repeats a
    stronger feature is found, a shuffle shows of each exactly what chance does, and it takes so
    little time that hundreds of shuffles tell the level without a law. What matters only together
    with others is left to trees.

    Args:
        problem: of more than 10,000 rows, evenly spaced ones are looked at.
        alpha: chance that pure noise passes anything.
        fdr: expected share of noise among what passes.

    Source: Scholz & Stephens 1987, doi:10.1080/01621459.1987.10478517.
    """
    some = thin(np.arange(len(problem.table)), _MOST_ROWS)
    cells, target = _Cells(problem.table[some]), problem.target.take(some)
    generator = np.random.default_rng(problem.config.seed)
    rounds = int(np.ceil(2 / alpha)) - 1

    def root(labels: Target) -> Floats:
        return np.sqrt(problem.by_group(cells.gains(labels)))

    own = root(target)
    null = np.array([root(target.shuffled(generator)) for _ in range(rounds)])
    mean, spread = null.mean(axis=0), np.maximum(null.std(axis=0, ddof=1), _LEAST_SPREAD)
    height, heights = (own - mean) / spread, (null - mean) / spread
    gate = float(np.sort(heights.max(axis=1))[-int(alpha * (rounds + 1))])
    if height.max() <= gate:
        return np.zeros(problem.units, bool)
    passed: npt.NDArray[np.bool_] = height > min(gate, step_up(height, heights.ravel(), fdr))
    return passed


class _Cells:
    """Rows by feature and bin, the last of a feature's bins for its gaps."""

    def __init__(self, table: Table) -> None:
        self.features = table.shape[1]
        width = _BINS + 1  # of values up to each edge, beyond the last, and of none
        codes = np.column_stack([_binned(column) for column in table.T])
        self.codes = (codes + width * np.arange(self.features)).astype(np.int32)
        self.shape = (self.features, width)
        self.rows = self._sum(np.arange(len(table)))

    def gains(self, target: Target) -> Floats:
        """Of each feature (n_features,): the mean gain of its cuts, and that of its gaps."""
        total = np.zeros(self.features)
        for labels in target.indicators().T:
            share = float(labels.mean())
            spread = float(labels.var()) or 1.0
            rows = np.flatnonzero(labels)
            sums = self._sum(rows, labels[rows] if target.kind == "number" else None)
            total += _gains(sums - share * self.rows, spread * self.rows)
        return total

    def _sum(self, rows: Positions, weights: Floats | None = None) -> Floats:
        each = None if weights is None else np.repeat(weights, self.features)
        cells = self.shape[0] * self.shape[1]
        return np.bincount(self.codes[rows].ravel(), each, cells).reshape(self.shape).astype(float)


def _binned(column: Table) -> Positions:
    present = column[~np.isnan(column)]
    edges = np.unique(np.quantile(present, np.linspace(0, 1, _BINS)[:-1], method="lower"))
    codes = np.searchsorted(edges, column, side="left")
    codes[np.isnan(column)] = _BINS
    return codes


def _gains(slopes: Floats, curvatures: Floats) -> Floats:
    """From sums of gradients and of hessians in each bin, gaps last (n_features, n_bins + 1)."""
    left, weight = (np.cumsum(part[:, :-1], axis=1) for part in (slopes, curvatures))
    there = weight[:, -1:]
    left = left - left[:, -1:] * weight / np.where(there > 0, there, 1)
    gain = _gain(left, weight, there)
    cuts = ((curvatures[:, :-1] > 0) & (weight < there)).sum(axis=1)
    mean = np.where(curvatures[:, :-1] > 0, gain, 0).sum(axis=1) / np.maximum(cuts, 1)
    gaps = _gain(slopes[:, -1:], curvatures[:, -1:], curvatures.sum(axis=1, keepdims=True))
    found: Floats = mean + gaps[:, 0]
    return found


def _gain(left: Floats, weight: Floats, total: Floats) -> Floats:
    gain: Floats = left**2 * (1 / (weight + _PENALTY) + 1 / (total - weight + _PENALTY))
    return gain
