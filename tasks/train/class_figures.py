"""Figures of classes: how many rows were called by their name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.models.base import Vector
from tasks.models.class_metrics import Indices, called_metrics, confusion_matrix
from tasks.models.records import Curve

_TOLD = ("accuracy", "macro_f1")


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Rows with their class and the one they were called, as places in `names`.

    A class that training had no row of is one of the names: its rows are never called right.
    """

    names: tuple[str, ...]
    classes: Indices
    called: Indices

    @classmethod
    def of(cls, classes: pl.Series, called: pl.Series) -> ClassFigures:
        """Number the names (n_rows,) of both."""
        names = tuple(pl.concat([classes.alias("n"), called.alias("n")]).unique().sort().to_list())
        places = {name: place for place, name in enumerate(names)}
        numbered = (
            each.replace_strict(places, return_dtype=pl.Int64).to_numpy()
            for each in (classes, called)
        )
        return cls(names, *numbered)

    def at(self, weights: Vector | None) -> dict[str, float]:
        """Accuracy, macro F1, each class's recall and precision; NaN without rows, or calls.

        Args:
            weights: (n_rows,), how often each row counts; None for once each.
        """
        matrix = confusion_matrix(self.classes, self.called, len(self.names), weights)
        means = called_metrics(matrix)
        rows = matrix.sum(axis=1)
        recalls = np.where(rows > 0, matrix.diagonal() / np.maximum(rows, 1), np.nan)
        calls = matrix.sum(axis=0)
        precisions = np.where(calls > 0, matrix.diagonal() / np.maximum(calls, 1), np.nan)
        found = {f"class_{name}": means[name] for name in _TOLD}
        for measure, values in (("recall", recalls), ("precision", precisions)):
            told = zip(self.names, values, strict=True)
            found |= {f"class_{measure}: {name}": float(value) for name, value in told}
        return found

    def curves(self, model: str, split: str) -> Iterator[Curve]:
        """The confusion matrix, a line for each class: how many of its rows were called what.

        x are places in `names`, which is the order of the lines as well.
        """
        matrix = confusion_matrix(self.classes, self.called, len(self.names))
        places = tuple(map(float, range(len(self.names))))
        for name, row in zip(self.names, matrix, strict=True):
            yield Curve(model, split, f"class_confusion: {name}", places, tuple(map(float, row)))
