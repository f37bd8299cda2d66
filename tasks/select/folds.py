"""Candidates on folds of the past: beside their shadows, and on the rows after each fold."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.select.chance import step_up
from tasks.select.problem import Positions, Problem, thin
from tasks.select.shadows import beside_itself, cuts, own_and_shadows
from tasks.select.shuffling import disorder
from tasks.select.target import Floats
from tasks.select.trees import Grower, shapley_sizes, total_gains

_MOST_HELD = 2_000


@dataclass(frozen=True, slots=True)
class Evidence:
    """What folds say of each feature, (n_features,) each.

    Args:
        shap: mean absolute Shapley value on held-out rows.
        permutation: loss that shuffling the feature's group adds on held-out rows, a row.
        stability: share of folds in which the feature's group gained more than every shadow.
        beats_shadows: whether over all folds its group gained more than shadows do by chance, with
            half of the expected share of mistakes that the pipeline file allows.
    """

    shap: Floats
    permutation: Floats
    stability: Floats
    beats_shadows: npt.NDArray[np.bool_]


def gather(problem: Problem) -> Evidence | None:
    """Fit trees beside shadows on the earlier rows of each fold, and look at the later ones.

    Each fold has a seed of its own. None where no fold has labels to tell apart.
    """
    like = cuts(problem)
    found = [
        _look(problem, like, before, held, problem.config.seed + number)
        for number, (before, held) in enumerate(
            past_folds(len(problem.table), problem.config.folds)
        )
        if problem.target.take(before).varies and len(held)
    ]
    if not found:
        return None
    shap, permutation, own, shadows = (np.array(parts) for parts in zip(*found, strict=True))
    needed = step_up(own.mean(axis=0), shadows.ravel(), problem.config.fdr / 2)
    steady = (own > shadows.max(axis=1, keepdims=True)).mean(axis=0)
    return Evidence(
        shap.mean(axis=0),
        permutation.mean(axis=0)[problem.groups],
        steady[problem.groups],
        (own.mean(axis=0) > needed)[problem.groups],
    )


def past_folds(rows: int, folds: int) -> Iterator[tuple[Positions, Positions]]:
    """Divide the later half into folds; each is held out from the rows before it."""
    edges = np.linspace(rows // 2, rows, folds + 1).astype(np.int64)
    for start, end in itertools.pairwise(edges):
        yield np.arange(start), np.arange(start, end)


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
