"""The door every model goes through: fit, score, explain, save, load."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Events with their labels.

    Args:
        table: float32 (n_rows, n_features), NaN where a value is missing.
        labels: float32 (n_rows,), 1 for what is looked for and 0 otherwise.
    """

    table: Matrix
    labels: Matrix


@dataclass(frozen=True, slots=True)
class Epoch:
    """One step of a training's record: an epoch of a network, a tree of an ensemble.

    Args:
        number: from 1.
        loss: mean loss on the training rows.
        stop_metric: average precision on the rows that decide when to stop.
    """

    number: int
    loss: float
    stop_metric: float


@dataclass(frozen=True, slots=True)
class History:
    """How a training went: its epochs, the one kept, and why it ended."""

    epochs: tuple[Epoch, ...]
    kept: int
    ended: str


class Scorer(Protocol):
    """A fitted model."""

    def score(self, table: Matrix) -> Matrix:
        """Score rows.

        Args:
            table: (n_rows, n_features), NaN where a value is missing.

        Returns:
            float32 (n_rows,), log-odds, higher meaning more suspicious.
        """
        ...

    def explain(self, table: Matrix) -> Matrix:
        """Share each row's score out among its features.

        Args:
            table: (n_rows, n_features).

        Returns:
            float32 (n_rows, n_features + 1); the last column is the score all rows start from,
            and each row adds up to its score.
        """
        ...

    def save(self) -> Mapping[str, bytes]:
        """The model's files by suffix; `load` rebuilds the same scores from them."""
        ...


@dataclass(frozen=True, slots=True)
class Fitted:
    """A scorer and how it came about."""

    scorer: Scorer
    history: History


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of model.

    Args:
        fit: config, training rows, rows that decide when to stop, seed → a fitted model.
            Raises ModelError where the training diverges.
        load: config, files by suffix → the scorer that saved them.
            Raises ModelError where the files do not hold this model.
    """

    fit: Callable[[Any, Rows, Rows, int], Fitted]
    load: Callable[[Any, Mapping[str, bytes]], Scorer]
