"""XGBoost that tells a missing value from the other columns of its row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost

from tasks.models.base import Matrix
from tasks.models.booster_file import read_booster

_THREADS = 1  # so that the same rows give the same bits on any machine


@dataclass(frozen=True, slots=True)
class Imputer:
    """A fitted model: of a number, or of one of several classes."""

    booster: xgboost.Booster
    classes: int

    def tell(self, inputs: Matrix) -> npt.NDArray[np.float64]:
        """Tell what is missing.

        Args:
            inputs: (n_rows, n_inputs), NaN where missing.

        Returns:
            (n_rows,): the number, or the place of the likeliest class.
        """
        if not len(inputs):
            return np.empty(0)
        told = np.asarray(self.booster.inplace_predict(inputs), np.float64)
        return told if not self.classes else np.argmax(told, axis=1).astype(np.float64)


def fit_imputer(
    inputs: Matrix,
    targets: npt.NDArray[np.float64],
    classes: int,
    *,
    rounds: int,
    depth: int,
    learning_rate: float,
) -> bytes:
    """Fit a model on rows whose value is known.

    Args:
        inputs: (n_rows, n_inputs), NaN where missing.
        targets: (n_rows,): numbers, or places of classes.
        classes: how many classes there are; 0 for numbers.
        rounds: trees, of each class.
        depth: levels of a tree.
        learning_rate: share of each tree that is added.

    Returns:
        The trees, UBJSON.
    """
    task: dict[str, Any] = (
        {"objective": "multi:softprob", "num_class": classes}
        if classes
        else {"objective": "reg:squarederror"}
    )
    parameters = {
        **task,
        "tree_method": "hist",
        "max_depth": depth,
        "eta": learning_rate,
        "nthread": _THREADS,
        "seed": 0,
    }
    rows = xgboost.QuantileDMatrix(inputs, targets, nthread=_THREADS)
    booster = xgboost.train(parameters, rows, rounds, verbose_eval=False)
    return bytes(booster.save_raw("ubj"))


def load_imputer(content: bytes, classes: int) -> Imputer:
    """Rebuild the trees.

    Raises:
        ModelError: the bytes hold no trees, or such as cannot be walked.
    """
    booster = read_booster(content, "prepare-*.ubj")
    booster.set_param({"nthread": _THREADS})
    return Imputer(booster, classes)
