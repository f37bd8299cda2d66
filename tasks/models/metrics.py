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
    return average_precision_of(*ranking.cumulate(weights))


def roc_auc(ranking: Ranking, weights: Array | None = None) -> float:
    """Chance that a positive stands above a negative, ties half; NaN without both classes."""
    return roc_auc_of(*ranking.cumulate(weights))


def average_precision_of(true: Array, false: Array) -> float:
    """Average precision of true and false positives at each threshold (`Ranking.cumulate`)."""
    if not len(true) or true[-1] == 0:
        return float("nan")
    gained = np.diff(true, prepend=0.0)
    return float(np.sum(gained * true / np.maximum(true + false, 1e-300)) / true[-1])


def roc_auc_of(true: Array, false: Array) -> float:
    """Area under the ROC curve of true and false positives at each threshold."""
    if not len(true) or true[-1] == 0 or false[-1] == 0:
        return float("nan")
    middle = true - np.diff(true, prepend=0.0) / 2
    return float(np.sum(np.diff(false, prepend=0.0) * middle) / (true[-1] * false[-1]))


def precision_of_first(true: Array, false: Array, count: int) -> float:
    """Precision of the highest `count` rows, a tie at the end by its share; NaN if fewer."""
    total = true + false
    if not len(total) or total[-1] < count:
        return float("nan")
    hits = np.interp(count, np.append(0.0, total), np.append(0.0, true))
    return float(hits / count)


def recall_at_false_alarms(true: Array, false: Array, rate: float) -> float:
    """Highest recall of a threshold with at most such a false-alarm rate; NaN without classes."""
    if not len(true) or true[-1] == 0 or false[-1] == 0:
        return float("nan")
    allowed = int(np.searchsorted(false, rate * false[-1], side="right"))
    return float(true[allowed - 1] / true[-1]) if allowed else 0.0


def best_f1_threshold(ranking: Ranking) -> float:
    """The score from which on calling rows positive has the highest F1; infinite without any."""
    true, false = ranking.cumulate()
    if not len(true) or true[-1] == 0:
        return float("inf")
    f1 = 2 * true / (true[-1] + true + false)
    return float(ranking.scores[ranking.ends[int(np.argmax(f1))]])


def brier(labels: Array, probabilities: Array, weights: Array | None = None) -> float:
    """Mean squared distance of the probability from what happened."""
    return _mean((probabilities - labels) ** 2, weights)


def log_loss(labels: Array, probabilities: Array, weights: Array | None = None) -> float:
    """Mean negative log-likelihood, in nats."""
    inside = np.clip(probabilities, 1e-15, 1 - 1e-15)
    return _mean(-(labels * np.log(inside) + (1 - labels) * np.log1p(-inside)), weights)


def calibration_error(
    labels: Array, probabilities: Array, weights: Array | None = None, bins: int = 15
) -> float:
    """Expected calibration error: distance of mean probability from what happened, by equal bins.

    Source: Guo et al. 2017, arXiv:1706.04599.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    place = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, weights * (probabilities - labels), minlength=bins)
    return _ratio(float(np.abs(gaps).sum()), float(weights.sum()))


def decision_metrics(
    labels: Array, alerts: Array, weights: Array | None = None
) -> dict[str, float]:
    """Measures of yes-or-no decisions, and the confusion matrix they follow from.

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
    alarms = called - hits
    quiet = total - positives - alarms
    recall, false_alarm_rate = _ratio(hits, positives), _ratio(alarms, total - positives)
    return {
        "accuracy": _ratio(hits + quiet, total),
        "balanced_accuracy": (recall + 1 - false_alarm_rate) / 2,
        "precision": _ratio(hits, called),
        "recall": recall,
        "f1": _ratio(2 * hits, called + positives),
        "false_alarm_rate": false_alarm_rate,
        "true_positives": hits,
        "false_positives": alarms,
        "true_negatives": quiet,
        "false_negatives": positives - hits,
    }


def bootstrap(
    measure: Callable[[Array], float], rows: int, rounds: int, seed: int, level: float = 0.95
) -> tuple[float, float]:
    """A percentile interval of a measure over resamples of the rows.

    Args:
        measure: weights (n_rows,) → value.
        rows: the number of rows.
        rounds: resamples, at least one; those where the measure is NaN do not count.
        seed: of the resampling.
        level: share of the resamples within the interval.

    Returns:
        Low and high; NaN where no resample gave a value.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """

    def one(weights: Array) -> Array:
        return np.array([measure(weights)])

    low, high = bootstrap_all(one, rows, rounds, seed, level)[0]
    return float(low), float(high)


def bootstrap_all(
    measures: Callable[[Array], Array], rows: int, rounds: int, seed: int, level: float = 0.95
) -> Array:
    """Percentile intervals of several measures over the same resamples.

    Args:
        measures: weights (n_rows,) → values (n_measures,).
        rows: the number of rows.
        rounds: resamples, at least one; those where a measure is NaN do not count for it.
        seed: of the resampling.
        level: share of the resamples within an interval.

    Returns:
        (n_measures, 2): low and high; NaN where no resample gave a value.
    """
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(rounds):
        drawn = np.bincount(generator.integers(0, rows, rows), minlength=rows)
        found.append(measures(drawn.astype(np.float64)))
    values = np.array(found)
    intervals = np.full((values.shape[1], 2), np.nan)
    known = ~np.isnan(values).all(axis=0)
    ends = [(1 - level) / 2, (1 + level) / 2]
    intervals[known] = np.nanquantile(values[:, known], ends, axis=0).T
    return intervals


def _mean(values: Array, weights: Array | None) -> float:
    return float(np.average(values, weights=weights)) if len(values) else float("nan")


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
