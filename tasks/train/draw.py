"""The curves of a model on the test part, to look at."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tasks.models import metrics
from tasks.models.base import Vector
from tasks.models.records import Curve
from tasks.train.evaluate import Judged

CURVE_STEPS = 100
CALIBRATION_BINS = 10
PROBABILITY_EDGES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
Positions = npt.NDArray[np.int64]


def draw(judged: Judged) -> Iterator[Curve]:
    """The curves of the test rows, and how their probabilities are spread."""
    if np.isnan(judged.labels).all():
        return
    if judged.of_values is not None:
        yield from judged.of_values.curves(judged.model, judged.split)
        return
    if judged.of_classes is not None:
        yield from judged.of_classes.curves(judged.model, judged.split)
    true, false = metrics.rank_rows(judged.labels, judged.scores).cumulate()
    if not true[-1] or not false[-1]:
        return
    recall, alarms = true / true[-1], false / false[-1]
    points = _steps(recall, alarms)
    precision = true / (true + false)
    yield _curve(judged, "precision_recall", recall[points], precision[points])
    yield _curve(judged, "roc", np.append(0, alarms[points]), np.append(0, recall[points]))
    bins = _bins(judged.probabilities, judged.labels)
    expected = np.array([judged.probabilities[rows].mean() for rows in bins])
    happened = np.array([judged.labels[rows].mean() for rows in bins])
    yield _curve(judged, "calibration", expected, happened)
    counts, _ = np.histogram(judged.probabilities, PROBABILITY_EDGES)
    yield _curve(judged, "probabilities", np.array(PROBABILITY_EDGES), counts.astype(np.float64))


def _steps(recall: Vector, alarms: Vector) -> Positions:
    """Thresholds at which either share has grown by a hundredth, with the first and the last.

    Not evenly by threshold: where positives are rare, all of them may lie in the first steps.
    """
    shares = np.linspace(0, 1, CURVE_STEPS + 1)
    found = [np.searchsorted(grown, shares) for grown in (recall, alarms)]
    return np.unique(np.minimum(np.concatenate([[0], *found]), len(recall) - 1))


def _bins(probabilities: Vector, labels: Vector) -> list[Positions]:
    """Rows of like probability, in bins in which as many of the rarer kind are to be expected."""
    order = np.argsort(probabilities, kind="stable")
    rising = probabilities[order]
    expected = np.cumsum(rising if labels.mean() < 0.5 else 1 - rising)
    shares = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
    cuts = np.searchsorted(expected, shares * expected[-1], side="right")
    # Equal probabilities stay together: which of their rows comes first is no matter of theirs.
    last = rising[np.minimum(cuts, len(order) - 1)]
    ends = np.unique(np.searchsorted(rising, last, side="right"))
    return [rows for rows in np.split(order, ends) if len(rows)]


def _curve(judged: Judged, kind: str, x: Vector, y: Vector) -> Curve:
    return Curve(judged.model, judged.split, kind, tuple(x.tolist()), tuple(y.tolist()))
