"""What a decision is expected to bring, against a count by hand and against what comes."""

import numpy as np
import pytest

from tasks.models.calibration import Calibration
from tasks.models.evidence import Evidence
from tasks.score.config import (
    BudgetDecision,
    CostDecision,
    FalseDiscoveryDecision,
    TriageDecision,
)
from tasks.score.expectation import expect, left_out

LOGISTIC = Calibration("platt", np.empty(0), np.array([1.0, 0.0]), np.linspace(-6, 1, 500))


def rows(days: int, a_day: int, seed: int) -> Evidence:
    generator = np.random.default_rng(seed)
    scores = generator.normal(-2, 1.5, days * a_day).astype(np.float32)
    labels = (generator.random(len(scores)) < 1 / (1 + np.exp(-scores))).astype(np.float32)
    return Evidence(scores, labels, np.repeat(np.arange(days), a_day).astype(np.int32))


def by_name(decision, evidence: Evidence) -> dict[str, tuple[float, float, float]]:
    found = expect(decision, evidence, LOGISTIC)
    return {each.name: (each.value, each.low, each.high) for each in found}


def test_a_budget_is_spent_day_by_day() -> None:
    evidence = rows(days=10, a_day=200, seed=1)
    found = by_name(BudgetDecision(per_day=20), evidence)
    hits = sum(
        evidence.labels[evidence.days == day][
            np.argsort(-evidence.scores[evidence.days == day])[:20]
        ].sum()
        for day in range(10)
    )
    assert found["expected_precision"][0] == pytest.approx(hits / 200)
    assert found["expected_recall"][0] == pytest.approx(hits / evidence.labels.sum())
    assert found["expected_alerts_a_day"] == (20, 20, 20)
    assert "expected_cost_a_day" not in found


def test_costs_are_those_of_looks_and_misses() -> None:
    evidence = rows(days=10, a_day=200, seed=2)
    found = by_name(CostDecision(review=1, missed=4), evidence)
    called = 1 / (1 + np.exp(-evidence.scores.astype(float))) * 4 > 1
    cost = called.sum() + 4 * (evidence.labels[~called]).sum()
    assert found["expected_cost_a_day"][0] == pytest.approx(cost / 10)
    without = 4 * evidence.labels.sum() / 10
    assert found["cost_a_day_without_alerts"][0] == pytest.approx(without)
    assert found["expected_cost_a_day"][0] < without


@pytest.mark.parametrize("days", [3, 12])
def test_intervals_hold_what_other_days_bring(days: int) -> None:
    """Of 40 test parts nearly all have an interval around the truth of a very large one."""
    decision = BudgetDecision(per_day=20)
    truth = by_name(decision, rows(days=300, a_day=200, seed=0))["expected_precision"][0]
    held = 0
    for seed in range(1, 41):
        _, low, high = by_name(decision, rows(days, 200, seed))["expected_precision"]
        held += low <= truth <= high
    assert held >= 33


def test_what_is_not_defined_is_left_out() -> None:
    silent = Evidence(np.full(50, -9, np.float32), np.zeros(50, np.float32), np.zeros(50, np.int32))
    found = by_name(FalseDiscoveryDecision(level=0.01), silent)
    assert found == {"expected_alerts_a_day": (0, 0, 0)}
    assert (
        expect(FalseDiscoveryDecision(), Evidence(*[np.empty(0, np.float32)] * 3), LOGISTIC) == ()
    )


def test_what_a_triage_adds_for_novelty_is_said_to_be_left_out() -> None:
    evidence = rows(days=10, a_day=200, seed=1)
    unusual, usual = (TriageDecision(per_day=20, novelty=bonus) for bonus in (0.5, 0.0))
    assert by_name(unusual, evidence) == by_name(usual, evidence)
    assert left_out(unusual) == "what it adds for novelty"
    assert left_out(usual) == left_out(BudgetDecision(per_day=20)) == ""
