"""Measures of a ranking and of probabilities, exact under ties and with bootstrap weights.

Sorting is the expensive part, so it is done once: `rank_rows` orders the rows, and every measure
of the ranking takes weights, 1 for each row, or how often a bootstrap resample drew it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows by falling score.

    Args:
        order: positions of the rows in their table.
        labels: their labels, 0 or 1.
        scores: their scores.
        ends: for each distinct score, the place of its last row.
    """

    order: npt.NDArray[np.intp]
    labels: Array
    scores: Array
    ends: npt.NDArray[np.intp]

    def cumulate(self, weights: Array | None = None) -> tuple[Array, Array]:
        """True and false positives at each distinct score, from the strictest threshold on."""
        weights = np.ones(len(self.labels)) if weights is None else weights[self.order]
        positives = np.cumsum(weights * self.labels)[self.ends]
        return positives, np.cumsum(weights)[self.ends] - positives


def rank_rows(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Ranking:
    """Order rows by falling score; rows of equal score count as one step.

    Args:
        labels: (n_rows,), 0 or 1.
        scores: (n_rows,), finite.
    """
    truth, values = np.asarray(labels, np.float64), np.asarray(scores, np.float64)
    order = np.argsort(-values, kind="stable")
    values = values[order]
    ends = np.append(np.flatnonzero(np.diff(values)), len(values) - 1) if len(values) else order
    return Ranking(order, truth[order], values, ends)


def average_precision(ranking: Ranking, weights: Array | None = None) -> float:
    """Precision averaged over the positives; NaN without any."""
    true, false = ranking.cumulate(weights)
    if not len(true) or true[-1] == 0:
        return float("nan")
    gained = np.diff(true, prepend=0.0)
    return float(np.sum(gained * true / np.maximum(true + false, 1e-300)) / true[-1])


def roc_auc(ranking: Ranking, weights: Array | None = None) -> float:
    """Chance that a positive stands above a negative, ties half; NaN without both classes."""
    true, false = ranking.cumulate(weights)
    if not len(true) or true[-1] == 0 or false[-1] == 0:
        return float("nan")
    middle = true - np.diff(true, prepend=0.0) / 2
    return float(np.sum(np.diff(false, prepend=0.0) * middle) / (true[-1] * false[-1]))


def brier(labels: Array, probabilities: Array, weights: Array | None = None) -> float:
    """Mean squared distance of the probability from what happened."""
    return _mean((probabilities - labels) ** 2, weights)


def log_loss(labels: Array, probabilities: Array, weights: Array | None = None) -> float:
    """Mean negative log-likelihood, in nats."""
    inside = np.clip(probabilities, 1e-15, 1 - 1e-15)
    return _mean(-(labels * np.log(inside) + (1 - labels) * np.log1p(-inside)), weights)


def decision_metrics(
    labels: Array, alerts: Array, weights: Array | None = None
) -> dict[str, float]:
    """Accuracy, precision, recall and false-alarm rate of yes-or-no decisions.

    Args:
        labels: (n_rows,), 0 or 1.
        alerts: (n_rows,), 1 where the row was called positive.
        weights: (n_rows,) or None.

    Returns:
        The measures by name; NaN where a denominator is 0.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    hits = float(np.sum(weights * labels * alerts))
    called, positives = float(np.sum(weights * alerts)), float(np.sum(weights * labels))
    total = float(np.sum(weights))
    precision, recall = _ratio(hits, called), _ratio(hits, positives)
    return {
        "accuracy": _ratio(total - called - positives + 2 * hits, total),
        "precision": precision,
        "recall": recall,
        "false_alarm_rate": _ratio(called - hits, total - positives),
    }


def bootstrap(
    measure: Callable[[Array], float], rows: int, rounds: int, seed: int, level: float = 0.95
) -> tuple[float, float]:
    """A percentile interval of a measure over resamples of the rows.

    Args:
        measure: weights (n_rows,) → value.
        rows: the number of rows.
        rounds: resamples; those where the measure is NaN do not count.
        seed: of the resampling.
        level: share of the resamples within the interval.

    Returns:
        Low and high; NaN where no resample gave a value.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """
    generator = np.random.default_rng(seed)
    values = []
    for _ in range(rounds):
        drawn = np.bincount(generator.integers(0, rows, rows), minlength=rows)
        values.append(measure(drawn.astype(np.float64)))
    known = np.asarray(values)[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _mean(values: Array, weights: Array | None) -> float:
    return float(np.average(values, weights=weights)) if len(values) else float("nan")


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
