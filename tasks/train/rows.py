"""Tables of examples as matrices with labels of two classes, of several, values, or none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks.core.errors import DataError
from tasks.models.base import BINARY, MOST_CLASSES, Rows, Target
from tasks.train.split import LABEL, LABEL_CLASS, holds_values


def rows_of(table: pl.DataFrame, features: Sequence[str], classes: Target | None = None) -> Rows:
    """The matrix and the labels of a table of examples.

    Args:
        table: `label`, `label_class` where classes are given, and the features.
        features: columns of the matrix.
        classes: the target whose indices are the labels; None for what is looked for or not.
    """
    matrix = table.select(pl.col(features).cast(pl.Float32).fill_null(float("nan")))
    values = np.ascontiguousarray(matrix.to_numpy(), np.float32)
    if classes is not None:
        places = {name: float(place) for place, name in enumerate(classes.classes)}
        indices = table[LABEL_CLASS].replace_strict(places, return_dtype=pl.Float32)
        return Rows(values, indices.to_numpy(), tuple(features), classes)
    labels = table[LABEL].cast(pl.Float32).to_numpy()
    target = Target("none") if table[LABEL].null_count() == len(table) else BINARY
    if holds_values(table):
        target = Target("value")
    return Rows(values, labels, tuple(features), target)


def classes_of(fit: pl.DataFrame) -> Target:
    """The classes that the fitted rows have, by name; a single row makes one.

    Args:
        fit: `label` and `label_class`, one row an event.

    Raises:
        DataError: there are too many, or no normal one.
    """
    names = fit[LABEL_CLASS].unique().sort().to_list()
    if len(names) > MOST_CLASSES:
        raise DataError(
            f"at most {MOST_CLASSES} classes",
            found=f"{len(names)}, {', '.join(names[:5])} … among them",
            where="label.kind: class",
            do="Name a column of few values, or label by {kind: column}.",
        )
    normal = fit.filter(pl.col(LABEL) == 0)[LABEL_CLASS].unique().to_list()
    if len(normal) != 1:
        raise DataError(
            "rows of the normal class to fit on",
            found=f"none among {len(fit)} rows",
            where="label.normal",
            do="Name the class as the column has it, or lengthen training.window.",
        )
    return Target("classes", tuple(names), names.index(normal[0]))


def of_known_class(rows: pl.DataFrame, fit: pl.DataFrame) -> pl.DataFrame:
    """The rows whose class the fitted rows have as well: no output stands for another."""
    return rows.filter(pl.col(LABEL_CLASS).is_in(fit[LABEL_CLASS].unique().implode()))


def positives(rows: Rows) -> int:
    """How many rows are what is looked for; of values none is."""
    if rows.target.kind == "value":
        return 0
    if rows.target.kind == "classes":
        return int((rows.labels != rows.target.normal).sum())
    return int(np.nansum(rows.labels))
