"""The class that a fitted model takes each row for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks.core.errors import ModelError
from tasks.models.base import Matrix, Scorer


def likeliest(scorer: Scorer, table: Matrix, classes: Sequence[str]) -> pl.Series:
    """Name each row's likeliest class, (n_rows,) of String; null where there are no classes.

    Raises:
        ModelError: the model tells no classes apart, or others than these.
    """
    if not classes:
        return pl.repeat(None, len(table), dtype=pl.String, eager=True)
    outputs = getattr(scorer, "outputs", None)
    if outputs is None:
        raise ModelError(
            "a model with `outputs`, the log-probabilities of classes",
            found=f"{type(scorer).__name__} without",
            where="label.kind: class",
            do="Take another model.kind, or label by {kind: column}.",
        )
    logs = outputs(table)
    if logs.shape != (len(table), len(classes)):
        raise ModelError(
            f"outputs of {len(table)} rows and {len(classes)} classes",
            found=f"the shape {logs.shape}",
            where="label.kind: class",
            do="Train again.",
        )
    return pl.Series(classes, dtype=pl.String).gather(np.argmax(logs, axis=1))
