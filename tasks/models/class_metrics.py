"""Measures of several classes: macro means, recalls, the confusion matrix."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tasks.models.metrics import Array

Indices = npt.NDArray[np.int64]


def confusion_matrix(
    labels: Indices, called: Indices, classes: int, weights: Array | None = None
) -> Array:
    """How often rows of a class (first axis) were called a class (second): (classes, classes)."""
    places = labels * classes + called
    counts = np.bincount(places, weights, minlength=classes * classes).astype(np.float64)
    return counts.reshape(classes, classes)


def called_metrics(matrix: Array) -> dict[str, float]:
    """Accuracy, balanced accuracy (the mean recall), macro precision, recall and F1.

    Args:
        matrix: (n_classes, n_classes), as of `confusion_matrix`; classes without rows are left out
            of means.
    """
    hits, rows, called = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    there = rows > 0
    recall = hits[there] / rows[there]
    precision = hits[there] / np.maximum(called[there], 1e-300)
    return {
        "accuracy": float(hits.sum() / rows.sum()) if rows.sum() else float("nan"),
        "balanced_accuracy": _mean(recall),
        "macro_precision": _mean(precision),
        "macro_recall": _mean(recall),
        "macro_f1": _mean(2 * hits[there] / (rows[there] + called[there])),
    }


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else float("nan")
