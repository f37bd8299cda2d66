"""Measures against scikit-learn's, with ties, weights and one class only."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from tasks.models import metrics


@st.composite
def judged_rows(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = draw(st.integers(2, 60))
    labels = draw(st.lists(st.integers(0, 1), min_size=rows, max_size=rows))
    labels[:2] = [0, 1]
    scores = draw(st.lists(st.integers(-4, 4), min_size=rows, max_size=rows))
    weights = draw(st.lists(st.integers(0, 3), min_size=rows, max_size=rows))
    weights[:2] = [1, 1]
    return np.array(labels, float), np.array(scores, float), np.array(weights, float)


@given(judged_rows())
@settings(max_examples=200, deadline=None)
def test_ranking_measures_are_those_of_scikit_learn(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    labels, scores, weights = rows
    ranking = metrics.rank_rows(labels, scores)
    for ours, theirs in (
        (metrics.average_precision, oracle.average_precision_score),
        (metrics.roc_auc, oracle.roc_auc_score),
    ):
        assert ours(ranking) == pytest.approx(theirs(labels, scores))
        weighted = theirs(labels, scores, sample_weight=weights)
        assert ours(ranking, weights) == pytest.approx(weighted)


@given(judged_rows())
@settings(max_examples=100, deadline=None)
def test_measures_of_decisions_are_those_of_scikit_learn(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    labels, scores, weights = rows
    alerts = (scores > 0).astype(float)
    found = metrics.decision_metrics(labels, alerts, weights)
    options = {"sample_weight": weights}
    assert found["accuracy"] == pytest.approx(oracle.accuracy_score(labels, alerts, **options))
    assert found["recall"] == pytest.approx(oracle.recall_score(labels, alerts, **options))
    if (weights * alerts).sum():
        precision = oracle.precision_score(labels, alerts, **options)
        assert found["precision"] == pytest.approx(precision)
    else:
        assert math.isnan(found["precision"])


@given(judged_rows())
@settings(max_examples=100, deadline=None)
def test_measures_of_probabilities_are_those_of_scikit_learn(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    labels, scores, weights = rows
    chances = 1 / (1 + np.exp(-scores))
    assert metrics.brier(labels, chances, weights) == pytest.approx(
        oracle.brier_score_loss(labels, chances, sample_weight=weights)
    )
    assert metrics.log_loss(labels, chances, weights) == pytest.approx(
        oracle.log_loss(labels, chances, sample_weight=weights)
    )


@pytest.mark.parametrize("labels", [[], [0, 0], [1, 1]])
def test_a_measure_that_needs_both_classes_is_nan_without(labels: list[int]) -> None:
    ranking = metrics.rank_rows(labels, np.arange(len(labels)))
    assert math.isnan(metrics.roc_auc(ranking))
    assert math.isnan(metrics.average_precision(ranking)) == (1 not in labels)


def test_a_bootstrap_interval_covers_a_known_mean_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for seed in range(100):
        drawn = generator.normal(size=200)
        low, high = metrics.bootstrap(mean_of(drawn), 200, 200, seed)
        covered += low <= 0 <= high
    assert 88 <= covered <= 99


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.arange(50.0)
    intervals = {metrics.bootstrap(mean_of(values), 50, 20, 3) for _ in range(2)}
    assert len(intervals) == 1


def mean_of(values: np.ndarray) -> Callable[[np.ndarray], float]:
    return lambda weights: float(np.average(values, weights=weights))
