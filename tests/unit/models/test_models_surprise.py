"""A watch over one series."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.errors import ModelError
from tasks.models.surprise import MEASURES, Surprise, alarms
from tasks.models.surprise_config import SurpriseConfig


def series(points: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.sin(np.arange(points) / 8) + generator.normal(0, 0.1, points)


QUIET = series(900)


@given(st.lists(st.integers(1, 130), max_size=6), st.integers(0, 399))
@settings(max_examples=25, deadline=None)
def test_scores_come_from_the_past_alone_however_the_points_arrive(
    cuts: list[int], changed: int
) -> None:
    """In any pieces the same scores; what comes later changes none of the earlier."""
    whole = Surprise(QUIET[:500]).extend(QUIET[500:])
    watch, start, pieces = Surprise(QUIET[:500]), 500, []
    for size in (*cuts, 400):
        pieces.append(watch.extend(QUIET[start : start + size]))
        start += size
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=1e-9, atol=1e-9)
    other = QUIET.copy()
    other[500 + changed :] = 99.0
    again = Surprise(QUIET[:500]).extend(other[500:])
    np.testing.assert_allclose(again[:changed], whole[:changed], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "measure"),
    [
        (lambda x: x.__setitem__(50, x[50] + 4), "change"),
        (lambda x: x.__setitem__(slice(50, 90), x[50:90] + 2), "high_mean_10"),
        (lambda x: x.__setitem__(slice(50, 90), x[50:90] - 2), "low_mean_30"),
        (lambda x: x.__setitem__(slice(50, 150), 3 * x[50:150]), "spread_30"),
    ],
)
def test_spikes_shifts_and_unrest_surprise(change, measure: str) -> None:
    coming = QUIET[500:].copy()
    assert Surprise(QUIET[:500]).extend(coming).max() < 10
    change(coming)
    parts = Surprise(QUIET[:500]).parts(coming)
    assert parts[:50].sum(axis=1).max() < 10 < parts[50:150].sum(axis=1).max()
    assert parts[50:150, MEASURES.index(measure)].max() > 1


def test_what_stays_is_learned() -> None:
    """A new level surprises when it comes, and is usual after a while."""
    coming = np.concatenate([QUIET[500:600], series(2500, 1) + 2])
    scores = Surprise(QUIET[:500]).extend(coming)
    assert scores[100:130].max() > 10
    assert (scores[-500:] > 10).mean() < 0.02


def test_a_missing_point_surprises_nobody_and_no_point_after_it() -> None:
    coming = QUIET[500:].copy()
    coming[[40, 41, 300]] = np.nan
    scores = Surprise(QUIET[:500]).extend(coming)
    assert not scores[[40, 41, 300]].any()
    assert np.isfinite(scores).all()
    assert scores.max() < 10


def test_a_flat_series_is_watched() -> None:
    watch = Surprise(np.ones(300))
    assert not watch.extend(np.ones(200)).any()
    assert watch.update(2.0) > 10


@pytest.mark.parametrize("first", [np.ones(50), np.full(500, np.nan)])
def test_too_little_to_learn_from_is_refused(first: np.ndarray) -> None:
    with pytest.raises(ModelError, match="to learn from"):
        Surprise(first)


def test_the_memory_is_bounded() -> None:
    config = SurpriseConfig(memory=600)
    watch = Surprise(QUIET[:500], config)
    watch.extend(np.tile(QUIET, 3))
    assert max(len(watch._values), len(watch._past)) <= 600


def test_after_an_alarm_there_is_silence() -> None:
    scores = np.array([0, 12, 13, 0, 11, 0, 15.0])
    assert alarms(scores, 10, 0).tolist() == [1, 2, 4, 6]
    assert alarms(scores, 10, 3).tolist() == [1, 6]
    assert alarms(scores, 99, 3).tolist() == []
