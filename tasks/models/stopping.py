"""How good a model is on the rows that decide when its training ends."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

import numpy as np

from tasks.core.errors import ModelError
from tasks.models.base import ClassScorer, Matrix, Rows, Scorer
from tasks.models.metrics import average_precision, rank_rows

STOP_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "binary": "average precision",
        "classes": "mean log-likelihood",
        "value": "share of variance explained",
        "none": "score",
    }
)


LOSS_WEIGHT = 0.01  # of the log loss beside average precision, in what stops a training


def stop_metric(scorer: Scorer, stop: Rows) -> float:
    """What decides when training stops, higher being better; NaN where a score is not finite.

    It is `quality`, of two classes less a hundredth of the log loss. Average precision alone is
    noisy where positives are few, and says no more where it is 1: the first epoch that ranks a few
    positives right would be kept.

    Args:
        scorer: the model as it is now.
        stop: rows it does not learn from.

    Raises:
        ModelError: none of them is positive, of a binary target.
    """
    if stop.target.kind != "binary":
        return quality(scorer, stop)
    scores = scorer.score(stop.table)
    missed = np.logaddexp(0, np.where(stop.labels > 0, -scores, scores).astype(np.float64))
    return _ranked(scores, stop) - LOSS_WEIGHT * float(missed.mean())


def quality(scorer: Scorer, judged: Rows) -> float:
    """How good a supervised model is on some rows, as `STOP_NAMES` says; NaN as above.

    Raises:
        ModelError: none of them is positive, of a binary target.
    """
    if judged.target.kind == "classes":
        return log_likelihood(cast("ClassScorer", scorer).outputs(judged.table), judged.labels)
    scores = scorer.score(judged.table)
    if judged.target.kind == "binary":
        return _ranked(scores, judged)
    return explained_variance(scores, judged.labels) if np.isfinite(scores).all() else np.nan


def _ranked(scores: Matrix, stop: Rows) -> float:
    """Average precision; NaN where a score is not finite."""
    if not (stop.labels > 0).any():
        raise ModelError(
            "a positive among the rows that judge a model",
            found=f"no positive of {len(stop.labels)}",
            where="training",
            do="Lengthen training.window, have fewer folds, or wait for labels.",
        )
    if not np.isfinite(scores).all():
        return float("nan")
    return average_precision(rank_rows(stop.labels, scores))


def log_likelihood(logs: Matrix, labels: Matrix) -> float:
    """Mean logarithm of the chance given to what happened, in nats: (n, classes), (n,)."""
    own = np.take_along_axis(logs, labels.astype(np.int64)[:, None], axis=1)
    return float(own.mean(dtype=np.float64))


def explained_variance(values: Matrix, labels: Matrix) -> float:
    """R²: 1 less the squared error in units of the labels' variance."""
    truth = labels.astype(np.float64)
    error = np.mean((values - truth) ** 2)
    return float(1 - error / (truth.var() or 1.0))
