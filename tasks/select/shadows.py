"""Tests against shadows: copies of all features whose rows are shuffled together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tasks.select.chance import cutoff
from tasks.select.problem import Problem, Tested, thin
from tasks.select.target import Floats
from tasks.select.trees import Grower, Table, total_gains

_CUT_ROWS = 5_000


def shadow(problem: Problem) -> Tested:
    """Compare each group's gain with that of the strongest shadow, time and again.

    Boruta counts the rounds that a feature wins and takes them for tosses of a fair coin. They are
    not: all rounds have the same labels, so that the luckiest feature of pure noise may win nearly
    all of them. Here the strongest has to exceed what the strongest of the shadows reaches by
    chance with probability `alpha`.

    Source: Kursa & Rudnicki 2010, doi:10.18637/jss.v036.i11.
    """
    config = problem.config
    like = cuts(problem)
    rounds = [_play(problem, like, config.seed + number) for number in range(config.rounds)]
    own, shadows = (np.array(values) for values in zip(*rounds, strict=True))
    mean, strongest = own.mean(axis=0), shadows.max(axis=1)
    needed = cutoff(mean, shadows.ravel(), strongest, config.alpha, config.fdr)
    hits = (own > strongest[:, None]).sum(axis=0)
    return Tested(mean**2, np.full(problem.units, needed**2), hits, config.rounds, mean > needed)


def cuts(problem: Problem) -> Grower:
    """A table and its shadow, binned, from whose cuts others are made; some of the rows will do."""
    some = thin(np.arange(len(problem.table)), _CUT_ROWS)
    return Grower.of(beside_itself(problem.table[some]), problem.config.trees)


def beside_itself(table: Table, order: np.ndarray | None = None) -> Table:
    """A table (n, f) and a copy of it, whose rows are in another order, side by side (n, 2 f)."""
    return np.hstack([table, table if order is None else table[order]])


def own_and_shadows(problem: Problem, gains: Floats) -> Iterator[Floats]:
    """Roots of the gains of each group, and of its shadow: (n_groups,) each."""
    for half in np.split(gains, 2):
        yield np.sqrt(problem.by_group(half))


def _play(problem: Problem, like: Grower, seed: int) -> tuple[Floats, Floats]:
    order = np.random.default_rng(seed).permutation(len(problem.table))
    grower = Grower.of(beside_itself(problem.table, order), problem.config.trees, like)
    booster = grower.grow(problem.target, seed)
    own, shadows = own_and_shadows(problem, total_gains(booster, grower.features))
    return own, shadows
