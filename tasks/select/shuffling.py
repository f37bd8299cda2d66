"""Tests against shuffled labels: gain of splits and trees, or loss on held-out time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import xgboost as xgb

from tasks.select.chance import cutoff, moderate_spread
from tasks.select.problem import Problem, Tested, thin
from tasks.select.splits import passes_alone
from tasks.select.target import Floats, Target
from tasks.select.trees import Grower, Table, predict_margins, used

_REPEATS = 3
_TRAIN_SHARE = 0.7
_MOST_HELD = 4_000
# Of the share of mistakes, for each of two tests; half of it let noise in now and then.
_SHARE = 0.25
Statistic = Callable[[Target, int], Floats]


def null_importance(problem: Problem) -> Tested:
    """Compare each group's total gain with its gains when the labels are shuffled.

    A group passes by itself, by the gain of single splits, or among the others, by that of boosted
    trees; each test has half of the level. Trees are for what matters together only, and half as
    many as other methods grow show it. Square roots of gains vary about equally for features of
    few and of many values.

    Source: Altmann et al. 2010, doi:10.1093/bioinformatics/btq134.
    """
    config = problem.config
    trees = config.trees.model_copy(update={"trees": -(-config.trees.trees // 2)})
    grower = Grower.of(problem.table, trees)

    def root(target: Target, seed: int) -> Floats:
        return np.sqrt(problem.by_group(grower.gains(target, seed)))

    alpha, fdr = config.alpha / 2, config.fdr * _SHARE
    tested = _against_shuffled_labels(problem, root, alpha, fdr)
    alone = passes_alone(problem, alpha, fdr)
    return replace(
        tested,
        importance=tested.importance**2,
        threshold=tested.threshold**2,
        passed=tested.passed | alone,
        alone=alone,
    )


def permutation(problem: Problem) -> Tested:
    """Compare what shuffling a group costs on held-out time with the same under shuffled labels.

    Trees are fitted to the earlier rows. A group's importance is the loss that its disorder adds
    on the later rows, in nats a row. By itself it is biased where features are correlated; under
    shuffled labels it is biased in the same way.

    Source: Breiman 2001, doi:10.1023/A:1010933404324.
    """
    before, after = problem.split(_TRAIN_SHARE)
    held = thin(np.arange(len(problem.table))[after], _MOST_HELD)
    grower = Grower.of(problem.table[before], problem.config.trees)

    def added_loss(target: Target, seed: int) -> Floats:
        booster = grower.grow(target.take(before), seed)
        return disorder(problem, booster, problem.table[held], target.take(held), seed)

    return _against_shuffled_labels(problem, added_loss, problem.config.alpha, problem.config.fdr)


def disorder(
    problem: Problem, booster: xgb.Booster, held: Table, labels: Target, seed: int
) -> Floats:
    """The loss that shuffling each group's columns together adds on held-out rows (n_groups,)."""
    added = np.zeros(problem.units)
    if not len(held):
        return added
    generator = np.random.default_rng(seed)
    usual = labels.losses(predict_margins(booster, held)).mean()
    splits = [position for position in used(booster) if position < len(problem.groups)]
    for group in np.unique(problem.groups[splits]):
        columns = problem.columns(group)
        shuffled = held.copy()
        shuffled[:, columns] = held[generator.permutation(len(held))][:, columns]
        added[group] = labels.losses(predict_margins(booster, shuffled)).mean() - usual
    return added


def _against_shuffled_labels(
    problem: Problem, statistic: Statistic, alpha: float, fdr: float
) -> Tested:
    """Hold a statistic of each group against the same when the labels are shuffled.

    A group is measured by how many of its own deviations it lies above its own mean under
    shuffling. A shuffle leaves the features as they are, so that the levels hold however they
    depend on each other.
    """
    config, seed = problem.config, problem.config.seed
    generator = np.random.default_rng(seed)
    true = np.mean([statistic(problem.target, seed + i) for i in range(_REPEATS)], axis=0)
    null = np.array(
        [
            statistic(problem.target.shuffled(generator), seed + _REPEATS + i)
            for i in range(config.rounds)
        ]
    )
    mean, spread = null.mean(axis=0), moderate_spread(null.var(axis=0, ddof=1))
    height, heights = (true - mean) / spread, _against_the_others(null)
    luckiest = heights.max(axis=1)
    needed = cutoff(height, heights.ravel(), luckiest, alpha, fdr)
    hits = (height > luckiest[:, None]).sum(axis=0)
    return Tested(true, mean + needed * spread, hits, config.rounds, height > needed)


def _against_the_others(null: Floats) -> Floats:
    """Each shuffle by the mean and deviation of the others, as the true labels are by all's."""
    rounds = len(null)
    mean = (null.sum(axis=0) - null) / (rounds - 1)
    squares = ((null**2).sum(axis=0) - null**2) / (rounds - 1) - mean**2
    heights: Floats = (null - mean) / moderate_spread(
        np.maximum(squares, 0) * (rounds - 1) / (rounds - 2)
    )
    return heights
