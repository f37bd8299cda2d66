"""Learn from the features of training time, and apply unchanged what was learned.

A family whose state is not at hand, because the model was trained before the family was named or
changed, gives no features: a model that needs them then says so instead of guessing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.core.errors import ConfigError
from tasks.core.layout import layouts
from tasks.core.treatments import FeatureState
from tasks.features import clusters, components, quantile_bins, target_rate
from tasks.features.config import FeaturesConfig
from tasks.features.learned_config import LearnedFamily, MatrixFamily, TargetRateFamily
from tasks.features.timeline import Timeline

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OfMatrix:
    """How a family learns from a matrix (n_rows, n_features) of features, NaN where missing.

    Args:
        learn: family, matrix of training time → named numbers.
        apply: family, names of the matrix's columns, matrix, what was learned → features by name.
    """

    learn: Callable[[Any, Matrix], dict[str, tuple[float, ...]]]
    apply: Callable[[Any, Sequence[str], Matrix, FeatureState], Mapping[str, Matrix]]


OF_MATRIX: Mapping[str, OfMatrix] = {
    "components": OfMatrix(components.learn, components.apply),
    "clusters": OfMatrix(clusters.learn, clusters.apply),
    "quantile_bins": OfMatrix(quantile_bins.learn, quantile_bins.apply),
}


def learn(
    config: FeaturesConfig, timeline: Timeline, features: pl.DataFrame
) -> tuple[FeatureState, ...]:
    """Learn every family that does from rows of training time.

    Args:
        config: the families.
        timeline: its wanted rows are those to learn from.
        features: their features by the families that learn nothing.
    """
    return tuple(_learn(family, timeline, features) for family in learning(config))


def apply(
    family: LearnedFamily,
    timeline: Timeline,
    features: pl.DataFrame,
    states: Sequence[FeatureState],
) -> pl.DataFrame:
    """The features of one family that learned; none where its state is not at hand.

    Args:
        family: the family.
        timeline: its wanted rows get features.
        features: their features by the families that learn nothing.
        states: what training learned, of all families.
    """
    state = next((state for state in states if state.family == family.key), None)
    if state is None:
        return pl.DataFrame()
    if isinstance(family, TargetRateFamily):
        return target_rate.apply(family, timeline.asking, state).fill_nan(None)
    assert isinstance(family, MatrixFamily)
    names = _names(family, features)
    made = OF_MATRIX[family.family].apply(family, names, _matrix(features, names), state)
    table = {name: values.astype(np.float32) for name, values in made.items()}
    return pl.DataFrame(table).fill_nan(None)


def learning(config: FeaturesConfig) -> Iterator[LearnedFamily]:
    """The families that learn."""
    return (family for family in config.root if isinstance(family, LearnedFamily))


def _learn(family: LearnedFamily, timeline: Timeline, features: pl.DataFrame) -> FeatureState:
    if isinstance(family, TargetRateFamily):
        return target_rate.learn(family, timeline)
    assert isinstance(family, MatrixFamily)
    matrix = _matrix(features, _names(family, features))
    return FeatureState(family.key, OF_MATRIX[family.family].learn(family, matrix))


def _names(family: MatrixFamily, features: pl.DataFrame) -> list[str]:
    cells = {cell for layout in layouts(features.columns) for cell in layout.columns.values()}
    names = list(family.of) or [name for name in features.columns if name not in cells]
    absent = sorted({*names} - {*features.columns})
    if absent:
        raise ConfigError(
            f"features that other families build: {', '.join(absent)}",
            found=f"only {', '.join(features.columns)}",
            where=f"features, family {family.family}",
            do="Correct `of`; it names features, of families that learn nothing themselves.",
        )
    return names


def _matrix(features: pl.DataFrame, names: Sequence[str]) -> Matrix:
    wide = features.select(pl.col(names).cast(pl.Float64).fill_null(np.nan))
    matrix: Matrix = wide.to_numpy().astype(np.float64)
    return np.where(np.isfinite(matrix), matrix, np.nan)
