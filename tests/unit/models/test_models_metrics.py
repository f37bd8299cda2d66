"""Measures against scikit-learn's, with ties, weights and one class only."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from tasks.models import metrics
from tasks.models.class_metrics import called_metrics, confusion_matrix
from tasks.models.value_metrics import value_metrics


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


@given(judged_rows())
@settings(max_examples=100, deadline=None)
def test_more_measures_of_decisions_are_those_of_scikit_learn(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    labels, scores, weights = rows
    alerts = (scores > 0).astype(float)
    found = metrics.decision_metrics(labels, alerts, weights)
    options = {"sample_weight": weights}
    assert found["balanced_accuracy"] == pytest.approx(
        oracle.balanced_accuracy_score(labels, alerts, **options)
    )
    assert found["f1"] == pytest.approx(oracle.f1_score(labels, alerts, **options))
    cells = ("true_negatives", "false_positives", "false_negatives", "true_positives")
    expected = oracle.confusion_matrix(labels, alerts, labels=[0, 1], **options).ravel()
    assert [found[cell] for cell in cells] == pytest.approx(list(expected))


@given(judged_rows(), st.integers(1, 20), st.integers(0, 999).map(lambda n: (2 * n + 1) / 2000))
@settings(max_examples=200, deadline=None)
def test_measures_at_a_place_are_those_of_their_definition(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray], count: int, rate: float
) -> None:
    labels, scores, _ = rows
    steps = metrics.rank_rows(labels, scores).cumulate()
    found = metrics.precision_of_first(*steps, count)
    if count > len(labels):
        assert math.isnan(found)
    else:
        last = np.sort(scores)[-count]
        above, tied = scores > last, scores == last
        hits = labels[above].sum() + labels[tied].mean() * (count - above.sum())
        assert found == pytest.approx(hits / count)
    recalls = [0.0]
    for threshold in np.unique(scores):
        alarms = (scores >= threshold)[labels == 0].mean()
        if alarms <= rate + 1e-12:
            recalls.append((scores >= threshold)[labels == 1].mean())
    assert metrics.recall_at_false_alarms(*steps, rate) == pytest.approx(max(recalls), abs=1e-9)


@given(judged_rows())
@settings(max_examples=100, deadline=None)
def test_no_threshold_has_a_higher_f1(rows: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    labels, scores, _ = rows
    best = metrics.best_f1_threshold(metrics.rank_rows(labels, scores))
    values = [oracle.f1_score(labels, scores >= threshold) for threshold in np.unique(scores)]
    assert oracle.f1_score(labels, scores >= best) == pytest.approx(max(values))


def test_the_calibration_error_is_the_distance_from_what_happened() -> None:
    labels = np.array([1.0, 0, 0, 0, 1, 1, 1, 0])
    chances = np.repeat([0.25, 0.75], 4)
    assert metrics.calibration_error(labels, chances) == 0
    assert metrics.calibration_error(labels, chances + 0.1) == pytest.approx(0.1)
    assert metrics.calibration_error(1 - labels, chances) == pytest.approx(0.5)
    assert metrics.calibration_error(np.ones(3), np.ones(3)) == 0


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_measures_of_classes_are_those_of_scikit_learn(data: st.DataObject) -> None:
    rows, classes = data.draw(st.integers(6, 40)), 3
    draw = st.lists(st.integers(0, 2), min_size=rows, max_size=rows)
    labels = np.array(data.draw(draw))
    labels[:3] = [0, 1, 2]
    called = np.array(data.draw(draw))
    weights = np.array(data.draw(st.lists(st.integers(0, 2), min_size=rows, max_size=rows)), float)
    weights[:3] = 1
    options = {"sample_weight": weights}
    macro = {**options, "average": "macro", "zero_division": 0}
    expected = {
        "accuracy": oracle.accuracy_score(labels, called, **options),
        "balanced_accuracy": oracle.balanced_accuracy_score(labels, called, **options),
        "macro_precision": oracle.precision_score(labels, called, **macro),
        "macro_recall": oracle.recall_score(labels, called, **macro),
        "macro_f1": oracle.f1_score(labels, called, **macro),
    }
    matrix = confusion_matrix(labels, called, classes, weights)
    assert matrix == pytest.approx(oracle.confusion_matrix(labels, called, **options))
    assert called_metrics(matrix) == pytest.approx(expected)


def test_measures_of_values_are_those_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    labels, values = generator.normal(size=(2, 50))
    weights = generator.integers(0, 3, 50).astype(float)
    options = {"sample_weight": weights}
    assert value_metrics(labels, values, weights) == pytest.approx(
        {
            "rmse": oracle.root_mean_squared_error(labels, values, **options),
            "mae": oracle.mean_absolute_error(labels, values, **options),
            "r2": oracle.r2_score(labels, values, **options),
        }
    )
    assert math.isnan(value_metrics(np.ones(3), np.ones(3))["r2"])


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
