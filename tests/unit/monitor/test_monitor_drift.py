"""Drift against the baseline of a training: sizes, intervals, verdicts."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp, wasserstein_distance

from tasks.core.errors import ModelError
from tasks.models import baseline
from tasks.monitor.config import DriftConfig
from tasks.monitor.drift import Sample, distance, measure, stability, to_frame

CONFIG = DriftConfig()
NIGHTS = np.repeat(np.arange(20.0), 1000)


def drawn(seed: int, rows: int = 20_000, shift: float = 0.0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(shift, 1, rows)
    return values.astype(np.float32)


def row(values, known=None, asked: int = 1, nights=NIGHTS) -> dict:
    known = baseline.fit(drawn(0) if known is None else known, nights)
    return measure("x", "feature", values, known, CONFIG, asked)


def test_a_night_like_the_training_is_stable() -> None:
    found = row(drawn(1, 5000))
    assert found["verdict"] == "stable"
    assert found["psi"] < 0.02
    assert found["psi_low"] == 0.0
    assert found["ks"] < 0.03


@pytest.mark.parametrize(("shift", "verdict"), [(0.4, "moderate"), (0.8, "strong")])
def test_a_shift_is_told_by_its_size(shift, verdict) -> None:
    found = row(drawn(1, 5000, shift))
    assert found["verdict"] == verdict
    # Two normals of the same spread: the index is the shift squared, in the limit of fine bins.
    assert found["psi"] == pytest.approx(shift**2, rel=0.15)
    assert found["psi_low"] < found["psi"] < found["psi_high"]
    assert found["median"] == pytest.approx(shift, abs=0.06)


def test_distances_are_those_of_scipy() -> None:
    training, tonight = drawn(0), drawn(1, 5000, 0.5)
    known = baseline.fit(training, NIGHTS)
    sample = Sample.of(tonight)
    low, high = np.quantile(training, [0.01, 0.99])
    span = np.subtract(*np.quantile(training, [0.95, 0.05]))
    expected = wasserstein_distance(np.clip(tonight, low, high), np.clip(training, low, high))
    assert distance(sample, known) == pytest.approx(expected / span, rel=0.02)
    assert row(tonight)["ks"] == pytest.approx(ks_2samp(tonight, training).statistic, abs=0.01)


def test_few_values_are_listed_and_compared_by_their_shares() -> None:
    generator = np.random.default_rng(0)
    training = generator.choice([0.0, 1, 5], 20_000, p=[0.7, 0.2, 0.1]).astype(np.float32)
    tonight = generator.choice([0.0, 1, 5], 4_000, p=[0.5, 0.2, 0.3]).astype(np.float32)
    found = row(tonight, training)
    shares = [[np.mean(part == v) for v in (0, 1, 5)] for part in (tonight, training)]
    assert found["distance_measure"] == "jensen_shannon"
    assert found["distance"] == pytest.approx(jensenshannon(*shares, base=2))
    assert found["psi"] == pytest.approx(
        sum((p - q) * np.log(p / q) for p, q in zip(*shares, strict=True)), abs=1e-9
    )


def test_a_value_that_training_never_had_counts_for_itself() -> None:
    training = np.random.default_rng(0).choice([0.0, 5.0], 20_000).astype(np.float32)
    found = row(np.where(training == 5, 4, training)[:4000], training)
    assert found["verdict"] == "strong"


def test_missing_values_are_a_bin_of_their_own() -> None:
    tonight = drawn(1, 5000)
    tonight[:1500] = np.nan
    found = row(tonight)
    assert found["verdict"] == "strong"
    assert (found["missing_share"], found["missing_share_training"]) == (0.3, 0.0)


def test_few_rows_prove_no_drift_and_no_stability() -> None:
    found = row(drawn(1, 30), asked=100)
    assert found["verdict"] == "unclear"
    assert found["psi_high"] > CONFIG.moderate
    assert row(np.empty(0, np.float32))["verdict"] == "unclear"


def test_intervals_hold_for_all_features_together() -> None:
    """Of 200 tables of 50 features without any drift, at most a few may claim one."""
    known = baseline.fit(drawn(0), NIGHTS)
    generator = np.random.default_rng(7)
    claimed = 0
    for _ in range(200):
        lows = (
            stability(Sample.of(values).bins(known), known.bins, 50).low
            for values in generator.normal(size=(50, 60)).astype(np.float32)
        )
        claimed += any(low > 0 for low in lows)
    assert claimed <= 20


def test_what_changes_from_night_to_night_in_training_is_usual() -> None:
    """A weekday is one value each night: no single night looks like a whole week."""
    weekday = (NIGHTS % 7).astype(np.float32)
    tonight = np.full(800, 3, np.float32)
    found = row(tonight, weekday)
    assert found["psi"] > CONFIG.strong
    assert found["verdict"] == "usual"
    assert row(np.full(800, 9, np.float32), weekday)["verdict"] == "strong"


def test_a_constant_and_a_feature_without_values_are_measured() -> None:
    constant = np.zeros(20_000, np.float32)
    assert row(constant[:500], constant)["verdict"] == "stable"
    nothing = np.full(20_000, np.nan, np.float32)
    assert row(nothing[:500], nothing)["verdict"] == "stable"
    assert row(constant[:500], nothing)["verdict"] == "strong"


def test_infinite_values_count_as_missing() -> None:
    tonight = drawn(1, 5000)
    tonight[:2500] = np.inf
    assert row(tonight)["missing_share"] == 0.5


def test_baselines_travel_as_bytes() -> None:
    known = {"a": baseline.fit(drawn(0), NIGHTS), "score.model": baseline.fit(drawn(3), NIGHTS)}
    read = baseline.load(baseline.save(known))
    assert baseline.save(read) == baseline.save(known)
    assert measure("x", "feature", drawn(1), read["a"], CONFIG, 1) == row(drawn(1))
    assert len(baseline.save(known)) < 8_000
    with pytest.raises(ModelError, match="baselines"):
        baseline.load(b"nonsense")


def test_the_gravest_come_first() -> None:
    known = baseline.fit(drawn(0), NIGHTS)
    shifts = {"a": 0.0, "b": 0.8, "c": 0.4, "d": 1.2}
    rows = [
        measure(name, "feature", drawn(1, 5000, shift), known, CONFIG, 4)
        for name, shift in shifts.items()
    ]
    assert to_frame(rows)["name"].to_list() == ["d", "b", "c", "a"]
    assert to_frame([]).is_empty()
