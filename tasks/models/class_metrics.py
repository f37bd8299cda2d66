"""Measures of several classes: macro means, each class against the rest, the confusion matrix."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tasks.models.metrics import Array, average_precision, rank_rows, roc_auc

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


def class_metrics(
    labels: Indices, chances: Array, weights: Array | None = None
) -> dict[str, float]:
    """Measures of the likeliest class, and of the chances of all.

    Args:
        labels: (n_rows,), indices of classes.
        chances: (n_rows, n_classes), each row adding up to 1.
        weights: (n_rows,) or None.

    Returns:
        Accuracy, balanced accuracy (the mean recall), macro precision, recall and F1, log-loss, and
        macro ROC AUC and average precision of each class against the rest. Classes without rows
        are left out of means; NaN where none is left.
    """
    matrix = confusion_matrix(labels, chances.argmax(axis=1), chances.shape[1], weights)
    own = np.clip(chances[np.arange(len(labels)), labels], 1e-15, 1.0)
    found = called_metrics(matrix)
    found["log_loss"] = (
        float(np.average(-np.log(own), weights=weights)) if len(own) else float("nan")
    )
    there = np.flatnonzero(matrix.sum(axis=1) > 0)
    rankings = [rank_rows(labels == each, chances[:, each]) for each in there]
    for name, measure in (("roc_auc", roc_auc), ("average_precision", average_precision)):
        values = np.array([measure(ranking, weights) for ranking in rankings])
        found[f"macro_{name}"] = _mean(values[~np.isnan(values)])
    return found


def class_recalls(labels: Indices, called: Indices, classes: int) -> Array:
    """The share of each class's rows that were called so (n_classes,); NaN without rows."""
    matrix = confusion_matrix(labels, called, classes)
    rows = matrix.sum(axis=1)
    return np.where(rows > 0, matrix.diagonal() / np.maximum(rows, 1), np.nan)


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else float("nan")
