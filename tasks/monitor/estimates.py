"""What a night's alerts are expected to be worth before a label of them is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.models.base import Vector

_DRAWS = 400


@dataclass(frozen=True, slots=True)
class Expected:
    """An estimate with the middle 95% of what chance leaves open; None where it is undefined."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """Expected precision and recall of alerts, by calibrated probabilities alone."""

    precision: Expected
    recall: Expected


def estimate(alerts: Vector, others: Vector, seed: int) -> Estimate:
    """Estimate precision and recall from probabilities, as far as these are calibrated.

    Args:
        alerts: probabilities of the alerts.
        others: of the other events.
        seed: of the draws behind the intervals.

    Source: Garg et al. 2022, arXiv:2201.04234; confidence-based estimation as NannyML calls it.
    """
    generator = np.random.default_rng(seed)
    hits = np.array([np.sum(generator.random(len(alerts)) < alerts) for _ in range(_DRAWS)])
    spread = float(np.sqrt(np.sum(others * (1 - others))))
    missed = np.maximum(generator.normal(float(others.sum()), spread, _DRAWS), 0)
    expected = float(alerts.sum())
    precision, recall = Expected(), Expected()
    if len(alerts):
        precision = _interval(expected / len(alerts), hits / len(alerts))
    whole = expected + float(others.sum())
    if whole > 0:
        recall = _interval(expected / whole, hits / np.maximum(hits + missed, 1e-12))
    return Estimate(precision, recall)


def _interval(value: float, drawn: Vector) -> Expected:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Expected(value, float(low), float(high))
