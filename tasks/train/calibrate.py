"""Learn probabilities from scores on rows that neither fitting nor stopping has seen."""

from __future__ import annotations

import numpy as np
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit, xlogy

from tasks.models.base import Rows as LabelledRows
from tasks.models.base import Scorer, Vector
from tasks.models.calibration import Calibration

ISOTONIC_POSITIVES = 50


def calibrate(scorer: Scorer, rows: LabelledRows) -> Calibration:
    """Learn a model's calibration.

    Isotonic regression where there are enough positives to hold its steps up, a logistic curve
    where there are fewer. Without labels there are p-values, and no probabilities.

    Args:
        scorer: the fitted model.
        rows: the calibration part, with both classes, or without labels.
    """
    scores = scorer.score(rows.table).astype(np.float64)
    labels = rows.labels.astype(np.float64)
    if rows.target.kind == "none":
        return Calibration("none", np.empty(0), np.empty(0), np.sort(scores))
    negatives = np.sort(scores[labels == 0])
    if labels.sum() >= ISOTONIC_POSITIVES:
        return Calibration("isotonic", *fit_isotonic(scores, labels), negatives)
    return Calibration("platt", np.empty(0), fit_platt(scores, labels), negatives)


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
