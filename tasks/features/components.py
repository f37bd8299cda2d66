"""Principal components of features, learned from training time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.core.treatments import FeatureState
from tasks.features import scaling
from tasks.features.learned_config import ComponentsFamily

Matrix = NDArray[np.float64]


def learn(family: ComponentsFamily, matrix: Matrix) -> dict[str, tuple[float, ...]]:
    """Directions of the widest spread, each with its strongest loading positive.

    Source: Pearson 1901, doi:10.1080/14786440109462720.
    """
    mean, deviation = scaling.learn(matrix)
    scaled = scaling.scale(matrix, mean, deviation)
    _, vectors = np.linalg.eigh(scaled.T @ scaled)
    directions = vectors[:, ::-1][:, : family.count].T
    strongest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(len(directions)), strongest])
    return {
        "mean": tuple(mean.tolist()),
        "deviation": tuple(deviation.tolist()),
        "directions": tuple((directions * signs[:, None]).ravel().tolist()),
    }


def apply(
    family: ComponentsFamily, names: Sequence[str], matrix: Matrix, learned: FeatureState
) -> Mapping[str, Matrix]:
    """Where each row lies along the directions, and how far beside them."""
    numbers = {name: np.array(values) for name, values in learned.numbers.items()}
    directions = numbers["directions"].reshape(-1, len(names))
    scaled = scaling.scale(matrix, numbers["mean"], numbers["deviation"])
    # Summed in a fixed order: a product of matrices may depend on how many rows there are.
    places = [np.sum(scaled * direction, axis=1) for direction in directions]
    made = {f"{family.name}_{number}": place for number, place in enumerate(places, 1)}
    if family.residual:
        told = np.sum([p[:, None] * d for p, d in zip(places, directions, strict=True)], axis=0)
        made[f"{family.name}_residual"] = np.sqrt(np.sum((scaled - told) ** 2, axis=1))
    return made
