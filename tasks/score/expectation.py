"""What a decision is expected to bring, by the rows that judged the model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.core.event import EVENT_ID
from tasks.core.results import Estimate
from tasks.models.base import Vector
from tasks.models.calibration import Calibration
from tasks.models.evidence import Evidence
from tasks.score.config import DecisionConfig, TriageDecision
from tasks.score.decide import ALERT, decide
from tasks.score.discoveries import q_values
from tasks.score.intervals import with_intervals
from tasks.score.value_expectation import value_measures, value_rows

_FEWEST_DAYS = 8  # with fewer, resampled days say little; rows are resampled instead
_MOST_BLOCKS = 5_000
_ROUNDS = 1000
_LEVEL = 0.95


def expect(
    decision: DecisionConfig, evidence: Evidence, calibration: Calibration, seed: int = 0
) -> tuple[Estimate, ...]:
    """Precision, recall, alerts and cost of a rule on a model's test part; of values what they are.

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
    alerts, labels = _alerts(decision, evidence, calibration), evidence.labels.astype(np.float64)
    is_value = calibration.residuals is not None
    told = value_rows(decision, alerts, labels) if is_value else _rows(alerts, labels)
    measures = value_measures if is_value else _measures
    blocks, counts = _blocks(told, evidence.days)
    days = len(np.unique(evidence.days))
    drawn = np.random.default_rng(seed).multinomial(counts.sum(), counts / counts.sum(), _ROUNDS)
    values = measures(decision, counts @ blocks, days)
    spread = measures(decision, drawn @ blocks, days)
    return tuple(
        _estimate(name, float(value), spread[name], rows)
        for name, value in values.items()
        if np.isfinite(value)
    )


def left_out(decision: DecisionConfig) -> str:
    """What of a rule the estimates do not tell: the test part holds scores, no features."""
    if isinstance(decision, TriageDecision) and decision.novelty:
        return "what it adds for novelty"
    return ""


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
    called = decide(with_intervals(frame, calibration), decision)["decision"] == ALERT
    return called.cast(pl.Float64).to_numpy()


def _rows(alerts: Vector, labels: Vector) -> Vector:
    """What is summed up: (n_rows, 3) alerts, hits and positives."""
    return np.column_stack([alerts, alerts * labels, labels])


def _blocks(rows: Vector, days: npt.NDArray[np.int32]) -> tuple[Vector, Vector]:
    """What is resampled: the rows, or their sums by day, and how often each is there.

    Of more kinds of rows than memory has room for, those that lie so far apart are one.
    """
    _, place = np.unique(days, return_inverse=True)
    if place.max() + 1 >= _FEWEST_DAYS:
        rows = _sums(rows, place)
    elif len(np.unique(rows, axis=0)) > _MOST_BLOCKS:
        rows = _sums(rows, np.arange(len(rows)) % _MOST_BLOCKS)
    blocks, counts = np.unique(rows, axis=0, return_counts=True)
    return blocks, counts.astype(np.float64)


def _sums(rows: Vector, place: npt.NDArray[np.int64]) -> Vector:
    return np.column_stack([np.bincount(place, column) for column in rows.T])


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
