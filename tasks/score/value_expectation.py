"""What a decision by predicted values is expected to bring, as sums over rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tasks.models.base import Vector
from tasks.score.config import DecisionConfig, ThresholdDecision


def value_rows(decision: DecisionConfig, alerts: Vector, labels: Vector) -> Vector:
    """What is summed up, (n_rows, 6): rows, values, alerts, their values, hits, all to be hit.

    Only a threshold tells what a hit is: a true value that reaches it.

    Args:
        decision: the rule.
        alerts: 1 where it would have called the row, else 0 (n_rows,).
        labels: true values (n_rows,).
    """
    wanted = np.zeros(len(labels))
    if isinstance(decision, ThresholdDecision) and decision.value is not None:
        wanted = (labels >= decision.value).astype(np.float64)
    own = (np.ones(len(labels)), labels, alerts, alerts * labels, alerts * wanted, wanted)
    return np.column_stack(own)


def value_measures(decision: DecisionConfig, sums: Vector, days: int) -> Mapping[str, Vector]:
    """Measures by name, of the sums of `value_rows` in the last axis."""
    rows, whole, alerts, found, hits, wanted = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        measures = {
            "expected_value_of_alerts": found / alerts,
            "mean_value": whole / rows,
            "expected_alerts_a_day": alerts / days,
        }
        if isinstance(decision, ThresholdDecision):
            measures["expected_precision"] = hits / alerts
            measures["expected_recall"] = hits / wanted
    return measures
