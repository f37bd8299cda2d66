"""Figures of a test part."""

import numpy as np
import pytest

from tasks.train.config import TrainingConfig
from tasks.train.evaluate import CURVE_POINTS, Judged, draw, in_budget, measure, unrepeated


def judged(rows: int = 4000) -> Judged:
    generator = np.random.default_rng(0)
    labels = (generator.random(rows) < 0.1).astype(float)
    scores = generator.normal(size=rows) + 2 * labels
    chances = 1 / (1 + np.exp(-scores))
    return Judged("tabm", "test", labels, scores, chances, np.arange(rows) // 400.0)


def test_the_budget_takes_the_highest_of_each_day_and_the_earlier_row_of_a_tie() -> None:
    scores, days = np.array([1.0, 3, 3, 2, 9, 8]), np.array([7.0, 7, 7, 7, 8, 8])
    np.testing.assert_array_equal(in_budget(scores, days, 1), [0, 1, 0, 0, 1, 0])
    np.testing.assert_array_equal(in_budget(scores, days, 3), [0, 1, 1, 1, 1, 1])


def test_precision_and_recall_are_measured_at_the_budget() -> None:
    rows = judged()
    found = {
        m.metric: m.value
        for m in measure(rows, TrainingConfig(alerts_per_day=5, bootstrap_rounds=0))
    }
    alerts = in_budget(rows.scores, rows.days, 5)
    assert alerts.sum() == 50
    assert found["precision_at_5_a_day"] == pytest.approx(rows.labels[alerts == 1].mean())
    assert found["recall_at_5_a_day"] == pytest.approx(
        rows.labels[alerts == 1].sum() / rows.labels.sum()
    )


def test_every_interval_holds_its_value() -> None:
    for metric in measure(judged(), TrainingConfig(bootstrap_rounds=50)):
        assert metric.low <= metric.value <= metric.high, metric


def test_what_is_not_defined_has_no_record() -> None:
    rows = judged(50)
    silent = Judged("tabm", "test", rows.labels * 0, rows.scores, rows.scores * 0, rows.days)
    names = {metric.metric for metric in measure(silent, TrainingConfig(bootstrap_rounds=2))}
    assert names == {"base_rate", "brier", "log_loss", "accuracy", "false_alarm_rate"}
    assert list(draw(silent)) == []


def test_curves_are_thinned_and_keep_their_ends() -> None:
    curves = {curve.kind: curve for curve in draw(judged())}
    assert len(curves["roc"].x) == CURVE_POINTS
    assert (curves["roc"].x[0], curves["roc"].y[-1]) == (0.0, 1.0)
    assert curves["precision_recall"].x[-1] == 1.0
    assert sum(curves["probabilities"].y) == 4000


def test_rows_that_repeat_earlier_ones_are_left_out() -> None:
    earlier = np.array([[1, 2], [np.nan, 3]], np.float32)
    test = np.array([[1, 2], [5, 5], [np.nan, 3], [5, 5], [3, np.nan]], np.float32)
    np.testing.assert_array_equal(unrepeated(test, earlier), [1, 4])
