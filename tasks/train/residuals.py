"""Learn how far a model's predicted values miss, on rows it has not seen."""

from __future__ import annotations

import numpy as np

from tasks.models.base import Vector
from tasks.models.residuals import Residuals

_FEWEST_ROWS = 400  # half of them are not enough to learn the size of a miss place by place
_ROWS_OF_A_KNOT, _MOST_KNOTS = 40, 20
_LEAST_SHARE = 0.1  # of the usual miss: a place without any by luck promises none


def learn_residuals(values: Vector, labels: Vector, level: float) -> Residuals:
    """The misses of the calibration part.

    Where large predictions miss by more than small ones, intervals grow with the prediction: the
    size of a miss is learned on every other row, and the intervals' ends on the rest, so that they
    hold what they promise. It is done where it narrows intervals on the rows it was learned on,
    each half of them judged by the other.

    Args:
        values: predicted (n_rows,).
        labels: true (n_rows,).
        level: share of true values that an interval is to hold.
    """
    if len(values) >= _FEWEST_ROWS:
        learned, judged = slice(0, None, 2), slice(1, None, 2)
        if _narrows(values[learned], labels[learned], level):
            knots, spreads = _spreads(values[learned], labels[learned])
            return _ratios(values[judged], labels[judged], level, knots, spreads)
    return _ratios(values, labels, level, np.empty(0), np.empty(0))


def interval_score(low: Vector, high: Vector, labels: Vector, level: float) -> float:
    """Mean width of intervals, and a fine for each value that lies outside; smaller is better.

    Source: Gneiting & Raftery 2007, doi:10.1198/016214506000001437, section 6.2.
    """
    outside = np.maximum(low - labels, 0) + np.maximum(labels - high, 0)
    return float(np.mean(high - low + 2 / (1 - level) * outside))


def _narrows(values: Vector, labels: Vector, level: float) -> bool:
    """Whether intervals of a local width are better, by halves that judge each other."""
    scores = np.zeros(2)
    for half in (slice(0, None, 2), slice(1, None, 2)):
        other = slice(1 - (half.start or 0), None, 2)
        for place, (knots, spreads) in enumerate(
            ((np.empty(0), np.empty(0)), _spreads(values[half], labels[half]))
        ):
            learned = _ratios(values[half], labels[half], level, knots, spreads)
            low, high = learned.interval(values[other])
            scores[place] += interval_score(low, high, labels[other], level)
    return bool(scores[1] < scores[0])


def _spreads(values: Vector, labels: Vector) -> tuple[Vector, Vector]:
    """Mean absolute misses of rows with like predictions, at their mean prediction."""
    order = np.argsort(values, kind="stable")
    count = int(np.clip(len(values) // _ROWS_OF_A_KNOT, 1, _MOST_KNOTS))
    groups = np.array_split(order, count)
    missed = np.abs(labels - values)
    knots = np.array([values[rows].mean() for rows in groups])
    spreads = np.array([missed[rows].mean() for rows in groups])
    least = _LEAST_SHARE * missed.mean()
    distinct, first = np.unique(knots, return_index=True)
    return distinct, np.maximum(spreads[first], least if least > 0 else 1.0)


def _ratios(
    values: Vector, labels: Vector, level: float, knots: Vector, spreads: Vector
) -> Residuals:
    plain = Residuals(level, knots, spreads, np.empty(0))
    return Residuals(level, knots, spreads, np.sort((labels - values) / plain.spread(values)))
