"""Slots with their chances, and other rules judged by them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.monitor.exploration import off_policy
from tasks.score.config import TriageDecision
from tasks.score.triage import draw


@given(st.integers(1, 60), st.integers(1, 30), st.floats(0, 0.9), st.integers(0, 2**32 - 1))
def test_slots_are_filled_and_chances_add_up_to_them(events, per_day, explore, seed) -> None:
    generator = np.random.default_rng(seed)
    scores, novelty = generator.random(events), generator.random(events)
    slots = draw(TriageDecision(per_day=per_day, explore=explore), scores, novelty, generator)
    assert slots.shown.sum() == min(per_day, events)
    assert slots.propensity.sum() == pytest.approx(min(per_day, events))
    assert (slots.propensity[slots.queue == "rule"] == 1).all()
    assert (slots.propensity[slots.shown] > 0).all()


@pytest.mark.parametrize(
    ("per_day", "explore", "lots"), [(1, 0.05, 0), (3, 0.05, 1), (3, 0, 0), (40, 0.05, 2)]
)
def test_of_few_slots_one_is_a_lot(per_day: int, explore: float, lots: int) -> None:
    decision = TriageDecision(per_day=per_day, explore=explore)
    slots = draw(decision, np.linspace(0, 1, 99), np.zeros(99), np.random.default_rng(0))
    assert (slots.queue == "explore").sum() == lots


def test_novelty_lifts_what_the_model_does_not_know() -> None:
    scores, novelty = np.array([0.3, 0.2, 0.1]), np.array([0.0, 0.0, 1.0])
    generator = np.random.default_rng(0)
    shown = [
        draw(TriageDecision(per_day=1, novelty=bonus, explore=0), scores, novelty, generator)
        .shown.argmax()
        .item()
        for bonus in (0.0, 0.15, 0.25)
    ]
    assert shown == [0, 0, 2]


def test_reviews_of_one_rule_judge_another_without_bias() -> None:
    """A rule that shows what the logging one shows by lot only is judged right on average."""
    generator = np.random.default_rng(7)
    policy = TriageDecision(per_day=100, novelty=0, explore=0.5)
    chance, outcomes, wanted, truth = [], [], [], []
    for _ in range(60):
        scores = generator.random(400)
        labels = (generator.random(400) < scores).astype(float)
        slots = draw(policy, scores, np.zeros(400), generator)
        middle = (scores > 0.4) & (scores < 0.6)
        chance.append(slots.propensity)
        outcomes.append(np.where(slots.shown, labels, np.nan))
        wanted.append(middle)
        truth.append(labels[middle].mean())
    found = off_policy(*map(np.concatenate, (chance, outcomes, wanted)))
    assert found.covered == 1
    assert found.precision == pytest.approx(np.mean(truth), abs=0.06)


def test_what_had_no_chance_to_be_seen_is_told() -> None:
    slots = draw(
        TriageDecision(per_day=1, explore=0),
        np.array([0.9, 0.1]),
        np.zeros(2),
        np.random.default_rng(0),
    )
    found = off_policy(slots.propensity, np.array([1.0, np.nan]), np.array([False, True]))
    assert found.covered == 0
    assert np.isnan(found.precision)
