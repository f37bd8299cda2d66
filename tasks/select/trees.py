"""Boosted trees on a matrix that is binned once: their gains, predictions and Shapley values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost as xgb

from tasks.select.config import TreesConfig
from tasks.select.target import Floats, Target

Table = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Grower:
    """Grows trees on one table for any labels.

    Args:
        matrix: the binned rows.
        features: columns of the table.
        config: the trees.
    """

    matrix: xgb.QuantileDMatrix
    features: int
    config: TreesConfig

    @classmethod
    def of(cls, table: Table, config: TreesConfig, like: Grower | None = None) -> Grower:
        """Bin a table (n_rows, n_features), NaN where missing, at the cuts of another if given."""
        matrix = xgb.QuantileDMatrix(
            table,
            np.zeros(len(table), np.float32),
            max_bin=config.max_bin,
            nthread=config.threads,
            ref=like.matrix if like else None,
        )
        return cls(matrix, table.shape[1], config)

    def grow(self, target: Target, seed: int, margins: Table | None = None) -> xgb.Booster:
        """Fit trees to the labels of all rows, on top of margins if given."""
        self.matrix.set_label(target.values)
        if margins is not None:
            self.matrix.set_base_margin(margins)
        trees = self.config
        parameters = {
            **target.parameters,
            "tree_method": "hist",
            "max_bin": trees.max_bin,
            "max_depth": trees.depth,
            "eta": trees.learning_rate,
            "subsample": trees.row_share,
            "colsample_bynode": trees.feature_share,
            "nthread": trees.threads,
            "seed": seed,
            "verbosity": 0,
        }
        return xgb.train(parameters, self.matrix, trees.trees)

    def gains(self, target: Target, seed: int, margins: Table | None = None) -> Floats:
        """Total gain of each feature (n_features,) in trees fitted to the labels."""
        return total_gains(self.grow(target, seed, margins), self.features)


def total_gains(booster: xgb.Booster, features: int) -> Floats:
    """What the splits on each feature (n_features,) took off the training loss."""
    gains = np.zeros(features)
    for name, gain in booster.get_score(importance_type="total_gain").items():
        gains[int(name[1:])] = gain
    return gains


def used(booster: xgb.Booster) -> set[int]:
    """Positions of the features that any tree splits on."""
    return {int(name[1:]) for name in booster.get_score(importance_type="weight")}


def predict_margins(booster: xgb.Booster, table: Table) -> Table:
    """Raw predictions, (n_rows,), or (n_rows, n_classes)."""
    margins: Table = booster.inplace_predict(table, predict_type="margin")
    return margins


def shapley_sizes(booster: xgb.Booster, table: Table, threads: int) -> Floats:
    """Mean absolute Shapley value of each feature (n_features,), over classes added up.

    Source: Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9.
    """
    values: npt.NDArray[Any] = booster.predict(
        xgb.DMatrix(table, nthread=threads), pred_contribs=True
    )
    sizes: Floats = np.abs(values[..., :-1]).mean(axis=0).astype(np.float64)
    return sizes if sizes.ndim == 1 else sizes.sum(axis=0)
