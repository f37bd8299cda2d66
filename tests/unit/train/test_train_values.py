"""Labels that are numbers: parts, intervals, figures, comparison."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.errors import DataError
from tasks.models.base import Rows, Target
from tasks.models.calibration import Calibration
from tasks.models.comparison import compare_values
from tasks.models.evidence import Evidence
from tasks.models.residuals import Residuals
from tasks.score.config import BudgetDecision, ThresholdDecision
from tasks.score.decide import rule_in_words
from tasks.score.expectation import expect
from tasks.score.reasons import adds_up
from tasks.train.calibrate import calibrate
from tasks.train.config import RandomFolds, RandomSplit, TrainingConfig
from tasks.train.draw import draw
from tasks.train.evaluate import Judged, measure
from tasks.train.fit import divide
from tasks.train.folds import TEST, assign_folds
from tasks.train.residuals import interval_score, learn_residuals
from tasks.train.split import PARTS, assign_parts, check_labels

NO_TIME = pl.lit(None, pl.Datetime("us"))


def events(labels: list[float]) -> pl.DataFrame:
    """Labelled events without times."""
    return pl.DataFrame({"label": labels}).with_columns(
        event_id=pl.int_range(pl.len()).cast(pl.String),
        event_time=NO_TIME,
        batch_date=pl.lit(dt.date(2020, 1, 1)),
        x=pl.int_range(pl.len()).cast(pl.Float64),
    )


def test_a_random_split_gives_every_part_small_and_large_values() -> None:
    skewed = [float(i) ** 4 for i in range(200)]
    split = RandomSplit(stop=0.1, calibrate=0.1, test=0.2)
    divided = assign_parts(events(skewed), split, 0)
    tops = divided.filter(pl.col("label") >= skewed[180])["part"].value_counts()
    assert dict(tops.iter_rows()) == {"fit": 12, "stop": 2, "calibrate": 2, "test": 4}


def test_random_folds_deal_out_values() -> None:
    rows = events([float(i) for i in range(50)])
    for roles in assign_folds(rows, RandomFolds(folds=5), dt.timedelta(), 0):
        tested = rows.filter(roles == TEST)["label"].to_list()
        assert sorted(value // 5 for value in tested) == list(range(10))


def test_parts_are_matrices_of_values_with_their_mean() -> None:
    parts = [part for part in PARTS for _ in range(2)]
    table = events([1.0, 3.0, 5.0, 7.0, 2.0, 2.0, 0.5, 0.25]).with_columns(part=pl.Series(parts))
    divided = divide(table, ["x"])
    assert {rows.target for rows in divided.rows.values()} == {Target("value")}
    assert [part.mean for part in divided.counts()] == [2, 6, 2, 0.375]
    assert {part.positives for part in divided.counts()} == {0}


@pytest.mark.parametrize(
    ("labels", "parts", "found"),
    [
        ([0.0, 1.0, 2.0, 3.0], ["fit", "fit", "stop", "test"], "'calibrate'"),
        ([1.0, 1.0, 3.0, 4.0, 5.0], ["fit", "fit", "stop", "calibrate", "test"], "that differ"),
    ],
)
def test_parts_need_values(labels: list[float], parts: list[str], found: str) -> None:
    with pytest.raises(DataError, match=found):
        check_labels(events(labels).with_columns(part=pl.Series(parts)))


@given(st.integers(1, 60), st.integers(50, 99), st.integers(0, 2**32 - 1))
def test_intervals_hold_their_share_whatever_the_misses(rows: int, percent: int, seed: int) -> None:
    """Of rows + 1 exchangeable misses each in turn is the new one: exact, not on average."""
    level, misses = percent / 100, np.random.default_rng(seed).standard_cauchy(rows + 1)
    held = 0
    for new in range(rows + 1):
        known = np.sort(np.delete(misses, new))
        low, high = Residuals(level, np.empty(0), np.empty(0), known).interval(np.zeros(1))
        held += bool(low[0] <= misses[new] <= high[0])
    assert held >= level * (rows + 1) - 1e-6


def test_too_few_rows_leave_an_end_open() -> None:
    few = Residuals(0.9, np.empty(0), np.empty(0), np.arange(18.0))
    assert not np.isfinite(few.interval(np.zeros(1))).any()
    enough = Residuals(0.9, np.empty(0), np.empty(0), np.arange(19.0))
    assert [float(end[0]) for end in enough.interval(np.zeros(1))] == [0, 18]


def _sized(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictions, and true values that lie the further off the larger they are."""
    generator = np.random.default_rng(seed)
    values = generator.uniform(1, 100, rows)
    return values, values * (1 + 0.2 * generator.normal(size=rows))


def test_intervals_grow_with_the_misses_and_hold_everywhere() -> None:
    learned = learn_residuals(*_sized(4000, 0), 0.9)
    values, labels = _sized(20_000, 1)
    low, high = learned.interval(values)
    held = (low <= labels) & (labels <= high)
    for start in range(1, 100, 33):
        near = (values >= start) & (values < start + 33)
        assert abs(held[near].mean() - 0.9) < 0.04
    plain = Residuals(0.9, np.empty(0), np.empty(0), np.sort(labels - values))
    assert interval_score(low, high, labels, 0.9) < interval_score(
        *plain.interval(values), labels, 0.9
    )
    assert (high - low)[values > 90].mean() > 3 * (high - low)[values < 10].mean()


def test_misses_of_one_size_are_not_told_apart() -> None:
    generator = np.random.default_rng(0)
    values = generator.uniform(0, 1, 300)
    learned = learn_residuals(values, values + generator.normal(size=300), 0.9)
    assert len(learned.knots) == 0
    assert len(learned.ratios) == 300


class _Scale:
    """Predicts the first column."""

    def score(self, table: np.ndarray) -> np.ndarray:
        return table[:, 0]


def test_a_calibration_of_values_comes_back_from_its_file() -> None:
    values, labels = (each.astype(np.float32) for each in _sized(1000, 0))
    made = calibrate(_Scale(), Rows(values[:, None], labels, (), Target("value")), "auto", 0.8)
    again = Calibration.load(made.method, made.save())
    assert again.residuals is not None
    assert made.residuals is not None
    assert again.residuals.level == 0.8
    np.testing.assert_array_equal(again.residuals.ratios, made.residuals.ratios)
    assert np.isnan(again.probability(values[:2])).all()


def judged(rows: int = 400) -> Judged:
    """Predictions of two days."""
    values, labels = _sized(rows, 2)
    days = np.repeat([1.0, 2.0], rows // 2)
    missed = learn_residuals(*_sized(1000, 3), 0.9)
    return Judged("tabm", "test", labels, values, values * np.nan, days, residuals=missed)


def test_measures_of_values_have_intervals_around_them() -> None:
    told = {m.metric: m for m in measure(judged(), TrainingConfig(alerts_per_day=5))}
    assert set(told) == {
        *("rmse", "mae", "r2", "mean_value", "interval_coverage", "interval_width"),
        "mean_value_at_5_a_day",
    }
    for metric in told.values():
        assert metric.low is not None
        assert metric.high is not None
        assert metric.low <= metric.value <= metric.high
    one = judged()
    assert told["rmse"].value == pytest.approx(
        float(((one.scores - one.labels) ** 2).mean() ** 0.5)
    )
    first = np.concatenate(
        [np.argsort(-one.scores[:200])[:5], 200 + np.argsort(-one.scores[200:])[:5]]
    )
    assert told["mean_value_at_5_a_day"].value == pytest.approx(float(one.labels[first].mean()))


def test_curves_of_values_count_every_row() -> None:
    curves = {curve.kind: curve for curve in draw(judged())}
    assert set(curves) == {"truth", "coverage", "residuals", "values"}
    assert sum(curves["residuals"].y) == sum(curves["values"].y) == 400
    for level, held in zip(curves["coverage"].x, curves["coverage"].y, strict=True):
        assert abs(level - held) < 0.1


def test_the_better_predictions_win_beyond_chance_only() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(100, 30, 500)
    near, far = truth + generator.normal(0, 5, 500), truth + generator.normal(0, 8, 500)
    days = np.repeat(np.arange(10.0), 50)
    won = compare_values(truth, near, far, days, 200)
    assert won.better
    assert "RMSE" in str(won)
    assert not compare_values(truth, far, near, days, 200).better
    assert not compare_values(truth, near, near + 1e-9, days, 200).better
    assert not compare_values(truth[:5], near[:5], far[:5], days[:5], 200).decides
    assert not compare_values(truth * np.nan, near, far, days, 200).decides


def test_what_a_rule_by_values_would_have_brought_by_hand() -> None:
    labels = np.array([10.0, 1.0, 20.0, 2.0], np.float32)
    scores = np.array([9.0, 3.0, 8.0, 12.0], np.float32)
    evidence = Evidence(scores, labels, np.array([1, 1, 2, 2], np.int32))
    missed = Residuals(0.5, np.empty(0), np.empty(0), np.array([-5.0, 0.0, 5.0]))
    calibration = Calibration("none", np.empty(0), np.empty(0), np.sort(scores), missed)

    def told(decision: BudgetDecision | ThresholdDecision) -> dict[str, float]:
        return {each.name: each.value for each in expect(decision, evidence, calibration)}

    budget = told(BudgetDecision(per_day=1))
    assert budget == {"expected_value_of_alerts": 6, "mean_value": 8.25, "expected_alerts_a_day": 1}
    by_value = told(ThresholdDecision(value=8))
    assert by_value["expected_precision"] == pytest.approx(2 / 3)
    assert by_value["expected_recall"] == 1
    surely = told(ThresholdDecision(value=5, at="low"))
    assert (surely["expected_alerts_a_day"], surely["expected_precision"]) == (0.5, 0)
    assert told(ThresholdDecision(value=8, at="high"))["expected_alerts_a_day"] == 2


def test_a_threshold_is_of_one_kind() -> None:
    for wrong in ({}, {"value": 1, "probability": 0.5}, {"probability": 0.5, "at": "low"}):
        with pytest.raises(ValueError, match=r"threshold|goes with"):
            ThresholdDecision.model_validate(wrong)
    lower = ThresholdDecision(value=1200, at="low")
    assert rule_in_words(lower) == "where the lower end of the interval is 1,200 or more"


def test_a_gap_is_small_by_the_spread_of_the_values() -> None:
    contributions, score = np.array([[0.0, 0.001, 0.002]]), np.array([0.0042])
    assert adds_up(contributions, score)[0]
    assert not adds_up(contributions, score, unit=0.002)[0]
    assert math.isclose(float(contributions.sum()), 0.003)
