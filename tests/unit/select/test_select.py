"""What is selected: signals, not noise; the same each time, in whatever order rows come."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from tasks.core.errors import DataError
from tasks.select.config import SelectionConfig
from tasks.select.problem import order_rows, sample
from tasks.select.select import METHODS, select
from tasks.select.target import Target
from tests.unit.select.problems import config, names, problem

SIGNALS = ["signal00", "signal01", "signal02", "signal03"]


@pytest.mark.parametrize("method", METHODS)
def test_signals_are_told_from_noise(method: str) -> None:
    table, labels = problem(4000, seed=0)
    selection = select(table, labels, names(table), config(method=method))
    assert sorted(selection.features) == SIGNALS
    assert selection.method == method
    assert not selection.for_want_of_better
    assert len(selection.verdicts) == table.shape[1]
    shares = [verdict.shap for verdict in selection.verdicts]
    assert shares == sorted(shares, reverse=True)
    assert all(
        v.reason.startswith(("beats", "lowers", "in ")) == v.selected for v in selection.verdicts
    )
    for verdict in selection.verdicts:
        beats = verdict.importance > verdict.threshold
        assert beats == verdict.selected or "by itself" in verdict.reason


@pytest.mark.parametrize("method", METHODS)
def test_neither_the_order_of_rows_nor_that_of_columns_matters(method: str) -> None:
    table, labels = problem(1500, seed=1)
    times = np.arange(len(table)) // 3
    asked = config(method=method, max_rows=1000, seed=3)
    given = select(table, labels, names(table), asked, times)
    generator = np.random.default_rng(0)
    rows, columns = generator.permutation(len(table)), generator.permutation(table.shape[1])
    named = [names(table)[i] for i in columns]
    assert select(table[rows][:, columns], labels[rows], named, asked, times[rows]) == given


@pytest.mark.parametrize("method", METHODS)
def test_pure_noise_selects_nothing(method: str) -> None:
    chosen = 0
    for seed in range(10):
        table, _ = problem(500, seed, signals=0, noise=15)
        labels = (np.random.default_rng(seed + 99).random(500) < 0.1).astype(np.int8)
        selection = select(table, labels, names(table, 0), config(method=method, seed=seed))
        chosen += bool(selection.features)
        assert len(selection.verdicts) == 15
    # At level 0.01 two of ten is a chance of 1 in 250; every seed is fixed.
    assert chosen <= 1


def test_where_nothing_beats_chance_all_candidates_may_be_used() -> None:
    table, _ = problem(500, seed=0, signals=0, noise=8)
    table[:, 3] = 1
    labels = (np.random.default_rng(5).random(500) < 0.2).astype(np.int8)
    selection = select(table, labels, names(table, 0), config(if_none="all", drop=("noise05",)))
    assert selection.for_want_of_better
    assert sorted(selection.features) == [f"noise{i:02d}" for i in (0, 1, 2, 4, 6, 7)]
    assert all("nothing does" in v.reason for v in selection.verdicts if v.selected)


def test_classes_and_numbers_are_told_by_their_features_too() -> None:
    table, _ = problem(3000, seed=2)
    score = table[:, :4].sum(axis=1) + np.random.default_rng(1).normal(size=len(table))
    score[np.isnan(score)] = 0
    classes = np.digitize(score, [-1.5, 1.5]).astype(np.int8)
    for labels in (classes, score):
        for method in ("null_importance", "permutation", "l1"):
            selection = select(table, labels, names(table), config(method=method))
            assert sorted(selection.features) == SIGNALS, method


def test_a_feature_that_never_varies_is_not_tried() -> None:
    table, labels = problem(1500, seed=0)
    table[:, 5], table[:, 6] = 1.0, np.nan
    verdicts = {v.feature: v for v in select(table, labels, names(table), config()).verdicts}
    assert verdicts["noise05"].reason == verdicts["noise06"].reason == "the same in every row"
    assert verdicts["noise05"].rounds == 0
    assert verdicts["noise05"].shap is None


def test_infinite_values_count_as_missing() -> None:
    table, labels = problem(1500, seed=0)
    gaps = table.copy()
    table[3:40, 7], gaps[3:40, 7] = np.inf, np.nan
    assert select(table, labels, names(table), config()) == select(
        gaps, labels, names(table), config()
    )


def test_one_class_and_impossible_settings_are_refused() -> None:
    table, labels = problem(500, seed=0)
    with pytest.raises(DataError, match="all of one label"):
        select(table, np.zeros_like(labels), names(table), config())
    with pytest.raises(DataError, match="0 rows"):
        select(table[:0], labels[:0], names(table), config())
    with pytest.raises(ValidationError, match="kept or dropped"):
        config(keep=("a",), drop=("a",))
    with pytest.raises(ValidationError, match="go together"):
        config(max_cost_ms=3)


def test_a_sample_keeps_the_rarer_class() -> None:
    def drawn(labels: np.ndarray, **keys: int) -> np.ndarray:
        lots = np.random.default_rng(0).permutation(len(labels))
        return sample(Target.of(labels), SelectionConfig(**keys), lots)

    labels = (np.arange(1000) % 50 == 0).astype(np.int8)
    rows = drawn(labels, max_rows=100)
    assert len(rows) == len(set(rows.tolist())) == 100
    assert labels[rows].sum() == 20
    assert (np.diff(rows) > 0).all()
    assert len(drawn((np.arange(1000) % 2).astype(np.int8), max_rows=100)) == 100
    # Eight of the commoner class for each of the rarer, but no fewer than 5,000 rows in all.
    many = (np.arange(20_000) % 20 == 0).astype(np.int8)
    assert len(drawn(many)) == 9000
    assert many[drawn(many)].sum() == 1000
    assert len(drawn((np.arange(20_000) % 1000 == 0).astype(np.int8))) == 5000
    assert len(drawn(np.random.default_rng(0).normal(size=20_000))) == 20_000


def test_rows_are_named_by_what_they_say() -> None:
    table = np.array([[0.0, np.nan], [-0.0, np.nan], [1, 2], [2, 1]], np.float32)
    labels = np.array([0, 1, 0, 0], np.int8)
    order = order_rows(table, labels, None, Target.of(labels))
    back = np.array([2, 3, 1, 0])
    again = order_rows(table[back], labels[back], None, Target.of(labels[back]))
    assert (back[again] == order).all()
    timed = order_rows(table, labels, np.array([3, 2, 1, 0]), Target.of(labels))
    assert timed.tolist() == [3, 2, 1, 0]


def test_without_a_test_every_feature_that_varies_is_kept() -> None:
    table = np.array([[1, 2, 3, np.nan], [1, 3, 3, np.inf], [1, 4, np.nan, np.nan]], np.float32)
    untested = SelectionConfig(method="none", drop=("e",))
    found = select(np.hstack([table, table[:, 1:2]]), np.full(3, np.nan), "abcde", untested)
    assert {verdict.feature: verdict.reason for verdict in found.verdicts} == {
        "a": "the same in every row",
        "b": "kept without a test",
        "c": "kept without a test",  # where it is missing tells something
        "d": "the same in every row",
        "e": "dropped by the pipeline file",
    }
    assert found.features == ("b", "c")
