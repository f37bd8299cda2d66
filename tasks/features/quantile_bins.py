"""Bins whose edges are quantiles of training time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.core.treatments import FeatureState
from tasks.features.learned_config import QuantileBinsFamily

Matrix = NDArray[np.float64]


def learn(family: QuantileBinsFamily, matrix: Matrix) -> dict[str, tuple[float, ...]]:
    """Edges between bins of as many rows each; of a column without values there are none."""
    shares = np.arange(1, family.bins) / family.bins
    edges = {}
    for number, column in enumerate(matrix.T):
        there = column[~np.isnan(column)]
        edges[str(number)] = tuple(np.unique(np.quantile(there, shares)) if len(there) else ())
    return {name: tuple(map(float, found)) for name, found in edges.items()}


def apply(
    family: QuantileBinsFamily, names: Sequence[str], matrix: Matrix, learned: FeatureState
) -> Mapping[str, Matrix]:
    """How many edges each value is not below; missing where it is."""
    made = {}
    for number, (name, column) in enumerate(zip(names, matrix.T, strict=True)):
        edges = np.array(learned.numbers[str(number)])
        passed = np.searchsorted(edges, column, side="right").astype(np.float64)
        made[f"{name}.bin{family.bins}"] = np.where(np.isnan(column), np.nan, passed)
    return made
