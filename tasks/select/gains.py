"""Total gain of each feature in boosted trees, on a matrix that is binned once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from tasks.select.config import TreesConfig

Gains = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grower:
    """Grows trees on one matrix for any labels.

    Args:
        table: (n_rows, n_features) float32, NaN where missing.
        config: the trees.
    """

    table: NDArray[np.float32]
    config: TreesConfig
    matrix: xgb.QuantileDMatrix

    @classmethod
    def of(cls, table: NDArray[np.float32], config: TreesConfig) -> Grower:
        """Bin a table."""
        labels = np.zeros(len(table), np.float32)
        matrix = xgb.QuantileDMatrix(table, labels, max_bin=config.max_bin, nthread=config.threads)
        return cls(table, config, matrix)

    def gains(self, labels: NDArray[np.int8], seed: int) -> Gains:
        """Total gain of each feature, (n_features,), in trees that were fitted to labels."""
        self.matrix.set_label(labels)
        trees = self.config
        parameters = {
            "objective": "binary:logistic",
            "tree_method": "hist",
            "max_bin": trees.max_bin,
            "max_depth": trees.depth,
            "eta": trees.learning_rate,
            "subsample": trees.row_share,
            "colsample_bynode": trees.feature_share,
            "base_score": float(labels.mean()),
            "nthread": trees.threads,
            "seed": seed,
            "verbosity": 0,
        }
        booster = xgb.train(parameters, self.matrix, trees.trees)
        gains = np.zeros(self.table.shape[1])
        for name, gain in booster.get_score(importance_type="total_gain").items():
            gains[int(name[1:])] = gain
        return gains
