"""Clusters of features by k-means, learned from training time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.core.treatments import FeatureState
from tasks.features import scaling
from tasks.features.learned_config import ClustersFamily

Matrix = NDArray[np.float64]
_ROUNDS = 50


def learn(family: ClustersFamily, matrix: Matrix) -> dict[str, tuple[float, ...]]:
    """Centres that rows are nearest to, the one with the most rows first.

    Source: Arthur & Vassilvitskii 2007, k-means++: the advantages of careful seeding.
    """
    generator = np.random.default_rng(family.seed)
    mean, deviation = scaling.learn(matrix)
    if len(matrix) > family.rows:
        matrix = matrix[np.sort(generator.choice(len(matrix), family.rows, replace=False))]
    rows = scaling.scale(matrix, mean, deviation)
    centres = _first(rows, family.count, generator)
    nearest = np.full(len(rows), -1)
    for _ in range(_ROUNDS):
        before, nearest = nearest, _squares(rows, centres).argmin(axis=1)
        if np.array_equal(before, nearest):
            break
        for number in np.unique(nearest):
            centres[number] = rows[nearest == number].mean(axis=0)
    order = np.argsort(-np.bincount(nearest, minlength=len(centres)), kind="stable")
    return {
        "mean": tuple(mean.tolist()),
        "deviation": tuple(deviation.tolist()),
        "centres": tuple(centres[order].ravel().tolist()),
    }


def apply(
    family: ClustersFamily, names: Sequence[str], matrix: Matrix, learned: FeatureState
) -> Mapping[str, Matrix]:
    """The nearest centre's number, and the distance to it."""
    numbers = {name: np.array(values) for name, values in learned.numbers.items()}
    rows = scaling.scale(matrix, numbers["mean"], numbers["deviation"])
    squares = _squares(rows, numbers["centres"].reshape(-1, len(names)))
    return {
        family.name: squares.argmin(axis=1).astype(np.float64),
        f"{family.name}_distance": np.sqrt(squares.min(axis=1)),
    }


def _first(rows: Matrix, count: int, generator: np.random.Generator) -> Matrix:
    """Rows far from each other: each drawn in proportion to its square distance."""
    centres = rows[generator.integers(len(rows), size=1)]
    for _ in range(count - 1):
        weights = _squares(rows, centres).min(axis=1)
        total = weights.sum()
        shares = weights / total if total > 0 else None
        centres = np.vstack([centres, rows[generator.choice(len(rows), p=shares)]])
    return centres


def _squares(rows: Matrix, centres: Matrix) -> Matrix:
    """Square distances (n_rows, n_centres), each summed in the same order for any rows."""
    return np.stack([np.sum((rows - centre) ** 2, axis=1) for centre in centres], axis=1)
