"""Learn probabilities from scores on rows that neither fitting nor stopping has seen."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.optimize import isotonic_regression, minimize, minimize_scalar
from scipy.special import expit, xlogy

from tasks.models.base import Rows as LabelledRows
from tasks.models.base import Scorer, Vector
from tasks.models.calibration import Calibration
from tasks.models.metrics import log_loss
from tasks.train.residuals import learn_residuals

ISOTONIC_POSITIVES = 50
Learnable = Literal["isotonic", "platt", "temperature"]
CalibrationChoice = Literal["auto", "isotonic", "platt", "temperature"]


def calibrate(
    scorer: Scorer, rows: LabelledRows, choice: CalibrationChoice = "auto", coverage: float = 0.9
) -> Calibration:
    """Learn a model's calibration.

    Args:
        scorer: the fitted model.
        rows: the calibration part, with both classes, or with values, or without labels: then
            there are p-values, and no probabilities.
        choice: the method. `auto` learns each on every other row and takes the one with the
            smallest log-loss on the rest: steps only where there are positives enough to hold them
            up. Whatever is taken is learned anew from all rows.
        coverage: of values, the share that intervals are to hold.
    """
    scores = scorer.score(rows.table).astype(np.float64)
    labels = rows.labels.astype(np.float64)
    if rows.target.kind == "none":
        return Calibration("none", np.empty(0), np.empty(0), np.sort(scores))
    if rows.target.kind == "value":
        missed = learn_residuals(scores, labels, coverage)
        return Calibration("none", np.empty(0), np.empty(0), np.sort(scores), missed)
    method = best_method(scores, labels) if choice == "auto" else choice
    return Calibration(method, *_learned(method, scores, labels), np.sort(scores[labels == 0]))


def best_method(scores: Vector, labels: Vector) -> Learnable:
    """What has the smallest log-loss on rows it was not learned from, each half by the other."""
    methods: list[Learnable] = ["platt", "temperature"]
    if labels.sum() >= ISOTONIC_POSITIVES:
        methods.insert(0, "isotonic")
    even = np.arange(len(labels)) % 2 == 0
    halves = [half for half in (even, ~even) if 0 < labels[half].sum() < half.sum()]
    if len(halves) < 2:
        return methods[0]

    def loss(method: Learnable) -> float:
        return sum(
            log_loss(
                labels[~half],
                Calibration(
                    method, *_learned(method, scores[half], labels[half]), np.empty(0)
                ).probability(scores[~half]),
            )
            for half in halves
        )

    return min(methods, key=loss)


def _learned(method: Learnable, scores: Vector, labels: Vector) -> tuple[Vector, Vector]:
    if method == "isotonic":
        return fit_isotonic(scores, labels)
    if method == "platt":
        return np.empty(0), fit_platt(scores, labels)
    return np.empty(0), np.array([1 / fit_temperature(scores, labels), 0.0])


def fit_isotonic(scores: Vector, labels: Vector) -> tuple[Vector, Vector]:
    """The never-falling curve nearest to the labels, as knots.

    Returns:
        Scores and probabilities, (n_knots,) each: the ends of each level stretch. Probabilities
        keep 1 / (n_rows + 2) away from 0 and 1, which no finite sample proves.

    Source: Zadrozny & Elkan 2002, doi:10.1145/775047.775151.
    """
    distinct, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    means = np.bincount(place, labels) / counts
    levels = isotonic_regression(means, weights=counts.astype(np.float64)).x
    floor = 1 / (len(scores) + 2)
    levels = np.clip(levels, floor, 1 - floor)
    changes = np.flatnonzero(np.diff(levels))
    knots = np.unique(np.concatenate([[0], changes, changes + 1, [len(levels) - 1]]))
    return distinct[knots], levels[knots]


def fit_platt(scores: Vector, labels: Vector) -> Vector:
    """Slope and intercept of a logistic curve, with Platt's smoothed targets.

    Source: Platt 1999; Lin, Lin & Weng 2007, doi:10.1007/s10994-007-5018-6.
    """
    positives, negatives = labels.sum(), len(labels) - labels.sum()
    target = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    center, spread = scores.mean(), scores.std() or 1.0
    units = (scores - center) / spread

    def loss(parameters: Vector) -> tuple[float, Vector]:
        chance = expit(parameters[0] * units + parameters[1])
        inside = np.clip(chance, 1e-15, 1 - 1e-15)
        value = -float(np.sum(xlogy(target, inside) + xlogy(1 - target, 1 - inside)))
        return value, np.array([np.sum((chance - target) * units), np.sum(chance - target)])

    start = np.array([1.0, np.log((positives + 1) / (negatives + 1))])
    bounds = [(1e-6, None), (None, None)]  # a falling curve would turn the ranking around
    slope, intercept = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return np.array([slope / spread, intercept - slope * center / spread])


def fit_temperature(scores: Vector, labels: Vector) -> float:
    """What to divide log-odds (n_rows,) by for the smallest log-loss.

    Source: Guo et al. 2017, arXiv:1706.04599.
    """

    def loss(log_temperature: float) -> float:
        return log_loss(labels, expit(scores / np.exp(log_temperature)))

    return float(np.exp(minimize_scalar(loss, bounds=(-7, 7), method="bounded").x))
