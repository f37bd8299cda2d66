"""Candidates on folds of the past: beside their shadows, and on the rows after each fold."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tasks.select.problem import Positions, Problem, Tested, thin
from tasks.select.shadows import beside_itself, cuts, own_and_shadows
from tasks.select.shuffling import disorder
from tasks.select.target import Floats
from tasks.select.trees import Grower, shapley_sizes, total_gains

_MOST_HELD = 2_000
_MOST_GROUPS = 64


@dataclass(frozen=True, slots=True)
class Evidence:
    """What folds say of each feature, (n_features,) each; NaN where it was not looked at.

    Args:
        shap: mean absolute Shapley value on held-out rows.
        permutation: loss that shuffling the feature's group adds on held-out rows, a row.
        stability: share of folds in which the feature's group gained more than every shadow.
    """

    shap: Floats
    permutation: Floats
    stability: Floats


def gather(problem: Problem, tested: Tested) -> Evidence | None:
    """Look at those that passed a test, and at the strongest others up to 64 groups.

    None where no fold has labels to tell apart.
    """
    order = np.lexsort((-tested.importance, ~tested.passed))
    chosen = np.isin(np.arange(problem.units), order[: max(_MOST_GROUPS, tested.passed.sum())])
    columns = chosen[problem.groups]
    found = _measure(
        replace(
            problem,
            table=np.ascontiguousarray(problem.table[:, columns]),
            groups=(np.cumsum(chosen) - 1)[problem.groups[columns]],
        )
    )
    if found is None:
        return None
    every = np.full((len(found), len(columns)), np.nan)
    every[:, columns] = found
    return Evidence(*every)


def _measure(problem: Problem) -> tuple[Floats, Floats, Floats] | None:
    """Fit trees beside shadows on the earlier rows of each fold, and look at the later ones.

    Each fold has a seed of its own.
    """
    like = cuts(problem)
    found = [
        _look(problem, like, before, held, problem.config.seed + number)
        for number, (before, held) in enumerate(past_folds(problem))
        if problem.target.take(before).varies and len(held)
    ]
    if not found:
        return None
    shap, permutation, own, shadows = (np.array(parts) for parts in zip(*found, strict=True))
    steady = (own > shadows.max(axis=1, keepdims=True)).mean(axis=0)
    return (
        shap.mean(axis=0),
        permutation.mean(axis=0)[problem.groups],
        steady[problem.groups],
    )


def past_folds(problem: Problem) -> Iterator[tuple[Positions, Positions]]:
    """Divide the later half into folds; each is held out from the rows known before it."""
    rows = len(problem.table)
    edges = np.linspace(rows // 2, rows, problem.config.folds + 1).astype(np.int64)
    for start, end in itertools.pairwise(edges):
        yield np.arange(problem.known_by(int(start))), np.arange(start, end)


def _look(
    problem: Problem, like: Grower, before: Positions, held: Positions, seed: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """Shapley sizes of features, then of groups: added losses, roots of gains, of their shadows."""
    generator, held = np.random.default_rng(seed), thin(held, _MOST_HELD)
    table, later = (
        beside_itself(problem.table[rows], generator.permutation(len(rows)))
        for rows in (before, held)
    )
    grower = Grower.of(table, problem.config.trees, like)
    booster = grower.grow(problem.target.take(before), seed)
    own, shadows = own_and_shadows(problem, total_gains(booster, grower.features))

    sizes = shapley_sizes(booster, later, problem.config.trees.threads)[: len(problem.groups)]
    added = disorder(problem, booster, later, problem.target.take(held), seed)
    return sizes, added, own, shadows
