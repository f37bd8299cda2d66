"""Figures of a test part."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from tasks.train.cards import card_precision
from tasks.train.config import TrainingConfig
from tasks.train.evaluate import (
    Judged,
    in_budget,
    measure,
    measure_segments,
    unrepeated,
)


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
    confusion = {"true_positives", "false_positives", "true_negatives", "false_negatives"}
    chances = {"base_rate", "brier", "log_loss", "calibration_error"}
    assert names == chances | confusion | {"accuracy", "false_alarm_rate"}


def test_rows_that_repeat_earlier_ones_are_left_out() -> None:
    earlier = np.array([[1, 2], [np.nan, 3]], np.float32)
    test = np.array([[1, 2], [5, 5], [np.nan, 3], [5, 5], [3, np.nan]], np.float32)
    np.testing.assert_array_equal(unrepeated(test, earlier), [1, 4])


def test_measures_are_told_of_each_common_value_of_a_segment() -> None:
    rows = judged()
    shops = pl.Series(["a"] * 3000 + ["b"] * 900 + [None] * 60 + ["c"] * 40)
    marked = dataclasses.replace(rows, marks={"shop": shops})
    config = TrainingConfig(segments="shop", bootstrap_rounds=0)
    found = list(measure_segments(marked, config))
    splits = dict.fromkeys(metric.split for metric in found)
    assert list(splits) == ["test, shop = a", "test, shop = b", "test, shop = missing"]
    base = next(m for m in found if (m.split, m.metric) == ("test, shop = b", "base_rate"))
    assert (base.rows, base.value) == (900, pytest.approx(rows.labels[3000:3900].mean()))


def test_a_card_is_reviewed_once_and_not_after_it_was_found() -> None:
    cards = pl.Series(["x", "x", "y", "z", "x", "y", "w"])
    days = np.array([1.0, 1, 1, 1, 2, 2, 2])
    scores = np.array([9.0, 8, 7, 6, 9, 8, 1])
    labels = np.array([0.0, 1, 0, 1, 1, 1, 0])
    found = card_precision(scores, labels, days, cards, 2)
    np.testing.assert_array_equal(found, [0.5, 0.5])  # x and y; then y and w: x was found before
    marked = Judged("tabm", "test", labels, scores, labels, days, {"card": cards})
    config = TrainingConfig(cards="card", alerts_per_day=2, bootstrap_rounds=9)
    told = {metric.metric: metric for metric in measure(marked, config)}
    assert told["card_precision_at_2_a_day"].value == 0.5


def test_the_threshold_of_the_calibration_part_decides() -> None:
    rows = dataclasses.replace(judged(), threshold=1.5)
    found = {m.metric: m.value for m in measure(rows, TrainingConfig(bootstrap_rounds=0))}
    called = rows.scores >= 1.5
    assert found["precision_at_best_f1"] == pytest.approx(rows.labels[called].mean())
