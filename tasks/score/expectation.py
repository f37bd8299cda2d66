"""What a decision is expected to bring, by the rows that judged the model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from tasks.core.artifacts import Estimate
from tasks.core.event import EVENT_ID
from tasks.models.base import Vector
from tasks.models.calibration import Calibration
from tasks.models.evidence import Evidence
from tasks.score.config import DecisionConfig
from tasks.score.decide import ALERT, decide
from tasks.score.discoveries import q_values

_FEWEST_DAYS = 8  # with fewer, resampled days say little; rows are resampled instead
_ROUNDS = 1000
_LEVEL = 0.95


def expect(
    decision: DecisionConfig, evidence: Evidence, calibration: Calibration, seed: int = 0
) -> tuple[Estimate, ...]:
    """Precision, recall, alerts and cost of a rule on a model's test part.

    The rule is applied to each day of the test part as it is to a night. Intervals are percentiles
    of resampled days, whose events depend on each other, where there are at least eight of them.

    Args:
        decision: the rule.
        evidence: the test part as the model scored it.
        calibration: of that model.
        seed: of the resampling.

    Returns:
        Estimates; those that are not defined are left out.
    """
    rows = len(evidence.scores)
    if not rows or np.isnan(evidence.labels).all():
        return ()
    blocks, counts = _blocks(evidence, _alerts(decision, evidence, calibration))
    days = len(np.unique(evidence.days))
    drawn = np.random.default_rng(seed).multinomial(counts.sum(), counts / counts.sum(), _ROUNDS)
    values = _measures(decision, counts @ blocks, days)
    spread = _measures(decision, drawn @ blocks, days)
    return tuple(
        _estimate(name, float(value), spread[name], rows)
        for name, value in values.items()
        if np.isfinite(value)
    )


def _alerts(decision: DecisionConfig, evidence: Evidence, calibration: Calibration) -> Vector:
    """1 where the rule would have called the row."""
    scores = evidence.scores.astype(np.float64)
    p_values, found = calibration.p_value(scores), np.empty(len(scores))
    for day in np.unique(evidence.days):
        same = evidence.days == day
        found[same] = q_values(p_values[same])
    frame = pl.DataFrame(
        {
            EVENT_ID: np.arange(len(scores)),
            "batch_date": evidence.days,
            "score": scores,
            "probability": calibration.probability(scores),
            "q_value": found,
        }
    )
    called = decide(frame, decision)["decision"] == ALERT
    return called.cast(pl.Float64).to_numpy()


def _blocks(evidence: Evidence, alerts: Vector) -> tuple[Vector, Vector]:
    """What is resampled: (n_blocks, 3) alerts, hits and positives, and how often each is there."""
    labels = evidence.labels.astype(np.float64)
    rows = np.column_stack([alerts, alerts * labels, labels])
    _, place = np.unique(evidence.days, return_inverse=True)
    if place.max() + 1 >= _FEWEST_DAYS:
        rows = np.column_stack([np.bincount(place, column) for column in rows.T])
    blocks, counts = np.unique(rows, axis=0, return_counts=True)
    return blocks, counts.astype(np.float64)


def _measures(decision: DecisionConfig, sums: Vector, days: int) -> Mapping[str, Vector]:
    """Measures by name, of alerts, hits and positives in the last axis of the sums."""
    alerts, hits, positives = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        measures = {
            "expected_precision": hits / alerts,
            "expected_recall": hits / positives,
            "expected_alerts_a_day": alerts / days,
        }
    if decision.review is not None and decision.missed is not None:
        missed = decision.missed * (positives - hits)
        measures["expected_cost_a_day"] = (decision.review * alerts + missed) / days
        measures["cost_a_day_without_alerts"] = decision.missed * positives / days
    return measures


def _estimate(name: str, value: float, spread: Vector, rows: int) -> Estimate:
    known = spread[np.isfinite(spread)]
    low, high = np.quantile(known, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Estimate(name, value, float(low), float(high), rows)
