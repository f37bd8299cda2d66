"""Levels of the tests, and the sparse model beside scikit-learn's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Lasso, LogisticRegression

from tasks.select.chance import bound, cutoff
from tasks.select.config import SelectionConfig
from tasks.select.folds import past_folds
from tasks.select.problem import Problem
from tasks.select.shuffling import null_importance
from tasks.select.sparse import _lasso
from tasks.select.splits import _Cells, passes_alone
from tasks.select.target import Target
from tests.bench.selection import problem as known


def test_chance_exceeds_the_bound_as_often_as_is_said() -> None:
    generator = np.random.default_rng(1)
    for draw in (generator.gumbel, generator.normal, generator.exponential):
        rounds = np.asarray(draw(size=(4000, 21, 30))).max(axis=2)
        passed = np.mean([row[0] > bound(row[1:], 0.01) for row in rounds])
        assert passed < 0.016, draw
    # With heavy tails Gumbel's law does not hold; the largest round does.
    heavy = generator.standard_cauchy(size=(4000, 21, 30)).max(axis=2)
    assert np.mean([row[0] > bound(row[1:], 0.01) for row in heavy]) < 1 / 21 + 0.01


def test_behind_the_gate_the_share_of_mistakes_is_bounded() -> None:
    generator = np.random.default_rng(2)
    shares, found = [], []
    for _ in range(300):
        null = generator.normal(size=(20, 50))
        values = generator.normal(size=50)
        values[:10] += 4
        passed = values > cutoff(values, null.ravel(), null.max(axis=1), 0.01, 0.05)
        shares.append(passed[10:].sum() / max(1, passed.sum()))
        found.append(passed[:10].sum())
    assert np.mean(shares) < 0.05
    assert np.mean(found) > 8


def test_nothing_passes_a_gate_that_the_strongest_does_not() -> None:
    null = np.random.default_rng(3).normal(size=(20, 50))
    values = np.full(50, null.max(axis=1).max())
    assert not (values > cutoff(values, null.ravel(), null.max(axis=1), 0.01, 0.05)).any()


@pytest.mark.parametrize("linear", [True, False])
def test_the_penalised_fit_is_scikit_learns(linear: bool) -> None:
    generator = np.random.default_rng(4)
    columns = generator.normal(size=(600, 8))
    columns[:, 1] += columns[:, 0]
    columns = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    raw = columns[:, 0] - 0.7 * columns[:, 2] + generator.logistic(size=600)
    labels = raw if linear else (raw > 1).astype(np.float64)
    penalty = 0.05
    if linear:
        peer = Lasso(alpha=penalty, tol=1e-10).fit(columns, labels).coef_
    else:
        model = LogisticRegression(
            l1_ratio=1, solver="saga", C=1 / (penalty * 600), tol=1e-9, max_iter=20_000
        )
        peer = model.fit(columns, labels).coef_[0]
    assert _lasso(columns, labels, penalty, linear) == pytest.approx(peer, abs=2e-3)


def test_folds_hold_later_rows_out_and_each_row_once() -> None:
    folds = list(past_folds(chances(101)))
    assert all(before.max() < held.min() for before, held in folds)
    assert np.concatenate([held for _, held in folds]).tolist() == list(range(50, 101))
    assert all(len(before) >= 50 for before, _ in folds)


def test_no_row_is_before_a_fold_whose_label_was_not_known_when_it_began() -> None:
    times = np.arange(100) // 2 * 10
    for before, held in past_folds(replace(chances(100), times=times, delay=95)):
        assert times[before].max() + 95 <= times[held].min()
        assert times[before.max() + 1] + 95 > times[held].min()
    earlier, later = replace(chances(100), times=times, delay=95).split(0.7)
    assert times[earlier].max() + 95 <= times[later].min()
    # Rows that span less than the delay are held out without a gap.
    short = past_folds(replace(chances(100), times=times, delay=400))
    assert [len(before) for before, _ in short] == [50, 62, 75, 87]


def test_splits_gain_anderson_and_darlings_statistic() -> None:
    generator = np.random.default_rng(5)
    table = generator.integers(0, 9, size=(400, 3)).astype(np.float32)
    labels = (generator.random(400) < 0.3).astype(np.int8)
    mine = _Cells(table).gains(Target.of(labels))
    for column, gain in zip(table.T, mine, strict=True):
        slopes = labels - labels.mean()
        hessian = labels.var()
        gains = [
            slopes[column <= cut].sum() ** 2 / ((column <= cut).sum() * hessian + 1)
            + slopes[column > cut].sum() ** 2 / ((column > cut).sum() * hessian + 1)
            for cut in range(8)
        ]
        assert gain == pytest.approx(np.mean(gains))


def test_gaps_that_tell_the_label_gain_though_values_do_not() -> None:
    generator = np.random.default_rng(6)
    table = generator.normal(size=(2000, 12)).astype(np.float32)
    labels = (generator.random(2000) < 0.2).astype(np.int8)
    table[(labels == 1) & (generator.random(2000) < 0.3), 4] = np.nan
    problem = Problem(table, Target.of(labels), np.arange(12), SelectionConfig())
    assert np.flatnonzero(passes_alone(problem, 0.005, 0.0125)).tolist() == [4]
    numbers = Target.of(table[:, 7].astype(np.float64) + generator.normal(size=2000))
    found = passes_alone(replace(problem, target=numbers), 0.005, 0.0125)
    assert np.flatnonzero(found).tolist() == [7]


def test_a_feature_that_only_repeats_a_stronger_one_passes() -> None:
    table, labels = known(10_000, 50, seed=0)
    problem = Problem(table, Target.of(labels), np.arange(50), SelectionConfig())
    assert np.flatnonzero(passes_alone(problem, 0.005, 0.0125)).tolist() == list(range(16))


def test_what_matters_only_together_is_found_by_trees() -> None:
    table = np.random.default_rng(7).normal(size=(4000, 6)).astype(np.float32)
    labels = (table[:, 0] * table[:, 1] > 0.8).astype(np.int8)
    problem = Problem(table, Target.of(labels), np.arange(6), SelectionConfig())
    assert np.flatnonzero(null_importance(problem).passed).tolist() == [0, 1]


def chances(rows: int) -> Problem:
    table = np.zeros((rows, 1), np.float32)
    labels = Target.of(np.arange(rows) % 2)
    return Problem(table, labels, np.zeros(1, np.int64), SelectionConfig())


def test_losses_are_those_of_the_target() -> None:
    margins = np.array([0.3, -2.0, 1.0], np.float32)
    binary = Target.of(np.array([1, 0, 0], np.int8))
    chance = 1 / (1 + np.exp(-margins.astype(float)))
    assert binary.losses(margins) == pytest.approx(
        -np.log(np.where([True, False, False], chance, 1 - chance))
    )
    classes = Target.of(np.array([10, 30, 20]))
    raw = np.array([[0.0, 1, 2], [3, 0, 1], [0, 0, 0]], np.float32)
    shares = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    assert classes.losses(raw) == pytest.approx(-np.log(shares[[0, 1, 2], [0, 2, 1]]))
    numbers = Target.of(np.array([5.0, 15, 10]))
    standard = np.array([-1, 1, 0]) * 0.967421566  # a sixth of a normal variable lies above
    assert numbers.losses(margins) == pytest.approx((margins - standard) ** 2 / 2)


def test_a_huge_number_counts_by_its_rank() -> None:
    usual, huge = (Target.of(np.array([1.0, 2, 2, top])).values for top in (3, 3e9))
    assert usual.tolist() == huge.tolist()
    assert usual[1] == usual[2]
