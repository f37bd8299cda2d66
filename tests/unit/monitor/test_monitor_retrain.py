"""When a training is due; what is expected of alerts; drift, decay and a new model told apart."""

import datetime as dt

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.special import expit

from tasks.models import baseline
from tasks.monitor.changes import attribute
from tasks.monitor.config import DriftConfig, NotifyConfig, RetrainConfig
from tasks.monitor.drift import measure
from tasks.monitor.estimates import estimate
from tasks.monitor.retrain import Drifted, due

ALL = RetrainConfig.model_validate(
    {"drift": {"share": 0.2, "nights": 2}, "decay": {"ratio": 0.8}, "age": "30d"}
)
TRAINED = dt.date(2011, 3, 1)
CALM = [Drifted(f"2011-03-0{n}", 0.0, False) for n in range(1, 6)]


def rules(day=TRAINED, nights=CALM, hits=(20, 21.0), config=ALL) -> list[str]:
    return [reason.rule for reason in due(config, TRAINED, day, nights, hits)]


def test_calm_nights_of_a_young_model_ask_for_nothing() -> None:
    assert rules() == []
    assert rules(dt.date(2031, 1, 1), hits=(0, 500.0), config=RetrainConfig()) == []


def test_each_rule_asks_by_itself() -> None:
    assert rules(TRAINED + dt.timedelta(days=30)) == ["age"]
    assert rules(TRAINED + dt.timedelta(days=29)) == []
    far = [Drifted("2011-03-06", 0.3, False), Drifted("2011-03-07", 0.0, True)]
    assert rules(nights=[*CALM, *far]) == ["drift"]
    assert rules(nights=[*far, *CALM]) == []  # the last nights count
    assert rules(nights=far[:1]) == []
    assert rules(hits=(8, 30.0)) == ["decay"]
    assert rules(hits=(22, 30.0)) == []  # fewer, and no fewer than chance may bring
    assert rules(hits=(0, 5.0)) == []  # too few were promised to say anything


def test_hits_as_promised_are_seldom_called_a_decay() -> None:
    generator = np.random.default_rng(0)
    called = sum(rules(hits=(int(h), 40.0)) == ["decay"] for h in generator.poisson(40, 2000))
    assert called <= 2


def test_an_estimate_holds_what_happens_where_probabilities_hold() -> None:
    generator = np.random.default_rng(1)
    held = 0
    for seed in range(100):
        chances = np.sort(expit(generator.normal(-3, 1.5, 800)))[::-1]
        truth = generator.random(800) < chances
        found = estimate(chances[:40], chances[40:], seed)
        inside = found.precision.low <= truth[:40].mean() <= found.precision.high
        held += inside and found.recall.low <= truth[:40].sum() / truth.sum() <= found.recall.high
    assert held >= 85


def test_nothing_is_estimated_of_nothing() -> None:
    found = estimate(np.empty(0), np.empty(0), 0)
    assert (found.precision.value, found.recall.value) == (None, None)
    assert estimate(np.empty(0), np.array([0.5]), 0).recall.value == 0.0


@pytest.mark.parametrize("to", ["https://hooks.example/T0/secret", "json://h", "${A} and more"])
def test_an_address_stands_in_no_pipeline_file(to) -> None:
    with pytest.raises(ValidationError, match="to"):
        NotifyConfig(to=to)


# A score that is the log-odds of what happens, until something is planted.


def night(seed: int, shift: float = 0.0, slope: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    values = generator.normal(shift, 1, 4000)
    truth = generator.random(4000) < expit(slope * 1.5 * values - 3)
    return values.astype(np.float32), truth


def told(shift: float = 0.0, slope: float = 1.0, model: float = 0.0) -> set[str]:
    """What ten nights tell after five that are like the training."""
    training = np.concatenate([night(seed)[0] for seed in range(20)])
    known = baseline.fit(training, np.repeat(np.arange(20.0), 4000))
    drifts, hits, promised = [], 0, 0.0
    for seed in range(100, 110):
        values, truth = night(seed, shift, slope)
        found = measure("x", "feature", values, known, DriftConfig(), 1)
        drifts.append(Drifted(str(seed), float(found["verdict"] == "strong"), False))
        chance = expit(1.5 * values - 3 + model)
        alerts = np.argsort(-chance)[:40]
        hits, promised = hits + int(truth[alerts].sum()), promised + float(chance[alerts].sum())
    last, now = night(99)[0], night(100, shift, slope)[0]

    def count(state) -> float:
        scores = 1.5 * (now if "data" in state else last) + (model if "model" in state else 0.0)
        return float((scores > 2.5).sum())

    parts = attribute(count, ("data", "model"))
    config = ALL.model_copy(update={"age": None})
    reasons = {reason.rule for reason in due(config, TRAINED, TRAINED, drifts, (hits, promised))}
    return reasons | {part for part, moved in parts.items() if abs(moved) > 60}


def test_planted_drift_decay_and_a_new_model_are_told_apart() -> None:
    assert told() == set()
    assert told(shift=0.8) == {"drift", "data"}
    assert told(slope=0.2) == {"decay"}
    assert told(model=-0.8) == {"model"}
