"""The door every model goes through: fit, score, explain, save, load."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from tasks.models.privacy import Privacy, Spent

Matrix = npt.NDArray[np.float32]
Vector = npt.NDArray[np.float64]

MOST_CLASSES = 200  # more are names of things: each costs an output, and as many trees


@dataclass(frozen=True, slots=True)
class Target:
    """What a model's outputs stand for.

    Args:
        kind: `binary`: what is looked for or not; `classes`: one of several; `value`: a number;
            `none`: nothing is known, the model finds what is unlike the rest.
        classes: names of the classes, in the order of their indices; empty for other kinds.
        normal: index of the class that nobody looks for.
    """

    kind: Literal["binary", "classes", "value", "none"]
    classes: tuple[str, ...] = ()
    normal: int = 0

    @property
    def outputs(self) -> int:
        """Numbers a network gives for a row."""
        return len(self.classes) if self.kind == "classes" else 1


BINARY = Target("binary")


@dataclass(frozen=True, slots=True)
class Rows:
    """Events with their labels.

    Args:
        table: float32 (n_rows, n_features), NaN where a value is missing.
        labels: float32 (n_rows,): 1 for what is looked for and 0 otherwise, the index of a class,
            or a value, as the target says; NaN where nothing is known.
        names: the features' names, which say where sequences and images lie
            (`tasks.core.layout`); empty where nobody asks.
        target: what the labels stand for.
    """

    table: Matrix
    labels: Matrix
    names: tuple[str, ...] = ()
    target: Target = BINARY


class Checkpoint(Protocol):
    """Where a training keeps how far it is, so that one that was killed goes on from there."""

    def read(self) -> bytes | None:
        """What was written last; None where nothing was."""
        ...

    def write(self, content: bytes) -> None:
        """Keep this instead of what was written before: all of it or nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Epoch:
    """One step of a training's record: an epoch of a network, a tree of an ensemble.

    Args:
        number: from 1.
        loss: mean loss on the training rows.
        stop_metric: on the rows that decide when to stop, higher being better; average precision
            where the target is binary.
    """

    number: int
    loss: float
    stop_metric: float


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a training starts from, besides its rows.

    Args:
        seed: of the initial weights, the order of the rows and whatever else is drawn.
        checkpoint: where the training keeps its state; None to start over when it is killed.
        start: the files of an earlier model of the same configuration (`Scorer.save`), whose
            weights the training begins with; None for fresh ones.
        watch: hears of every epoch as it ends, and may end the training by an error of its own.
        privacy: the most that the weights may tell of a row; None for no bound.
    """

    seed: int
    checkpoint: Checkpoint | None = None
    start: Mapping[str, bytes] | None = None
    watch: Callable[[Epoch], None] | None = None
    privacy: Privacy | None = None


@dataclass(frozen=True, slots=True)
class History:
    """How a training went.

    Args:
        epochs: in order.
        kept: number of the one whose weights were kept.
        ended: why it ended.
        spent: what it told of a row; None where that was not bounded.
    """

    epochs: tuple[Epoch, ...]
    kept: int
    ended: str
    spent: Spent | None = None


AT_ONCE = History((), 0, "fitted in one step")


class Scorer(Protocol):
    """A fitted model."""

    def score(self, table: Matrix) -> Matrix:
        """Score rows.

        Args:
            table: (n_rows, n_features), NaN where a value is missing.

        Returns:
            float32 (n_rows,), higher meaning more suspicious: log-odds of what is looked for, or of
            any class but the normal one; the value itself; or a measure of how odd a row is.
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


class ClassScorer(Scorer, Protocol):
    """A fitted model that tells classes apart."""

    def outputs(self, table: Matrix) -> Matrix:
        """Tell how likely each class is.

        Args:
            table: (n_rows, n_features).

        Returns:
            float32 (n_rows, n_classes), natural logarithms of probabilities.
        """
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
        fit: config, training rows, rows that decide when to stop, conditions → a fitted model.
            Raises ModelError where the training diverges, or the rows are not of its kind.
        load: config, files by suffix → the scorer that saved them. What else it needs to know
            (names, target) is in its files.
            Raises ModelError where the files do not hold this model.
    """

    fit: Callable[[Any, Rows, Rows, Conditions], Fitted]
    load: Callable[[Any, Mapping[str, bytes]], Scorer]
