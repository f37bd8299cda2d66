"""Probabilities that mean what they say, and p-values that are fair."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import kstest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from tasks.models.base import Matrix, Rows, Target
from tasks.models.calibration import Calibration
from tasks.train.calibrate import (
    ISOTONIC_POSITIVES,
    CalibrationChoice,
    best_method,
    calibrate,
    fit_isotonic,
    fit_platt,
    fit_temperature,
)


class FirstColumn:
    """A model whose score is its first feature."""

    def score(self, table: Matrix) -> Matrix:
        return table[:, 0]


def drawn(rows: int, seed: int, rate: float = -1.0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=rows).round(2)
    return scores, (generator.random(rows) < expit(3 * scores + rate)).astype(float)


def calibrated(
    rows: int, seed: int = 0, rate: float = -1.0, choice: CalibrationChoice = "auto"
) -> Calibration:
    scores, labels = drawn(rows, seed, rate)
    table = scores[:, None].astype(np.float32)
    return calibrate(FirstColumn(), Rows(table, labels.astype(np.float32)), choice)


def test_the_isotonic_curve_is_that_of_scikit_learn_at_every_score() -> None:
    scores, labels = drawn(2000, 0)
    knots, levels = fit_isotonic(scores, labels)
    theirs = IsotonicRegression(y_min=1 / 2002, y_max=1 - 1 / 2002).fit(scores, labels)
    np.testing.assert_allclose(np.interp(scores, knots, levels), theirs.predict(scores), atol=1e-9)
    assert len(knots) < 100


def test_the_logistic_curve_is_near_that_of_scikit_learn() -> None:
    scores, labels = drawn(5000, 0)
    slope, intercept = fit_platt(scores, labels)
    theirs = LogisticRegression(C=np.inf, tol=1e-8).fit(scores[:, None], labels)
    assert slope == pytest.approx(theirs.coef_[0, 0], rel=0.01)
    assert intercept == pytest.approx(theirs.intercept_[0], rel=0.02)


def test_a_temperature_is_found_again() -> None:
    scores, labels = drawn(20_000, 0, rate=0.0)
    assert fit_temperature(scores, labels) == pytest.approx(1 / 3, rel=0.05)


def test_what_suits_the_scores_is_chosen() -> None:
    """A logistic curve, one through the middle, and one that no logistic curve is like."""
    scores, labels = drawn(6000, 0)
    assert best_method(scores, labels) == "platt"
    hot, chances = drawn(6000, 0, rate=0.0)
    assert best_method(hot, chances) in ("temperature", "platt")
    assert best_method(scores, chances_of_steps(scores)) == "isotonic"


def chances_of_steps(scores: np.ndarray) -> np.ndarray:
    generator = np.random.default_rng(5)
    return (generator.random(len(scores)) < np.where(scores > 1, 0.5, 0.1)).astype(float)


def test_few_positives_never_get_steps() -> None:
    scores, _ = drawn(200, 0)
    labels = chances_of_steps(scores)
    assert labels.sum() < ISOTONIC_POSITIVES
    assert best_method(scores, labels) != "isotonic"


@pytest.mark.parametrize("choice", ["isotonic", "platt", "temperature"])
def test_a_method_by_name_is_taken(choice: CalibrationChoice) -> None:
    assert calibrated(400, choice=choice).method == choice


@pytest.mark.parametrize("rows", [4000, 100])
def test_probabilities_rise_with_the_score_and_prove_nothing(rows: int) -> None:
    choice: CalibrationChoice = "isotonic" if rows == 4000 else "platt"
    chances = calibrated(rows, choice=choice).probability(np.linspace(-50, 50, 999))
    assert (np.diff(chances) >= 0).all()
    if rows == 4000:
        assert 0 < chances.min() < chances.max() < 1


def test_probabilities_mean_what_they_say_on_later_rows() -> None:
    calibration = calibrated(20_000)
    scores, labels = drawn(20_000, seed=9)
    chances = calibration.probability(scores)
    for low in np.arange(0, 1, 0.1):
        within = (chances >= low) & (chances < low + 0.1)
        assert labels[within].mean() == pytest.approx(chances[within].mean(), abs=0.04)


def test_even_a_ranking_upside_down_keeps_its_order() -> None:
    scores = np.linspace(-1, 1, 40)
    slope, _ = fit_platt(scores, (scores < 0).astype(float))
    assert slope > 0


def test_p_values_of_negatives_are_uniform() -> None:
    generator = np.random.default_rng(1)
    negatives = np.sort(generator.normal(size=2000))
    calibration = Calibration("platt", np.empty(0), np.ones(2), negatives)
    values = calibration.p_value(generator.normal(size=2000))
    assert kstest(values, "uniform").pvalue > 0.01
    assert (values <= 0.01).mean() <= 0.02


def test_a_p_value_counts_the_negatives_that_score_as_high() -> None:
    calibration = Calibration("platt", np.empty(0), np.ones(2), np.array([1.0, 2, 2, 5]))
    found = calibration.p_value(np.array([0.0, 2, 3, 5, 9]))
    np.testing.assert_allclose(found, np.array([5, 4, 2, 2, 1]) / 5)


def test_without_labels_there_are_p_values_and_no_probabilities() -> None:
    scores, _ = drawn(999, 0)
    table = scores[:, None].astype(np.float32)
    unknown = np.full(999, np.nan, np.float32)
    found = calibrate(FirstColumn(), Rows(table, unknown, target=Target("none")))
    assert np.isnan(found.probability(np.array([0.0, 9.0]))).all()
    assert found.p_value(np.array([9.0, -9.0])).tolist() == [0.001, 1.0]
    again = Calibration.load("none", found.save())
    np.testing.assert_array_equal(again.negatives, np.sort(table[:, 0]))
