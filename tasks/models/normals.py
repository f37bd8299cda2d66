"""The rows that teach an anomaly model what is usual."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tasks.core.errors import ModelError
from tasks.models.base import Matrix, Rows

TRIM_UNLABELLED = 0.2


def usual_rows(rows: Rows, train_on: Literal["auto", "normals", "all"]) -> tuple[Matrix, bool]:
    """Take the rows to fit on.

    Args:
        rows: rows, labelled or not.
        train_on: as in `AnomalyRows`.

    Returns:
        Their table (n_usual, n_features), and whether all of them are known to be normal.

    Raises:
        ModelError: no rows at all, or none labelled as normal where `train_on` asks for them.
    """
    normal = rows.labels == _normal_label(rows)
    if train_on == "all" or (train_on == "auto" and not normal.any()):
        normal, known = np.ones(len(rows.labels), bool), False
    else:
        known = True
    if not normal.any():
        raise ModelError(
            "rows labelled as normal, to learn what is usual" if len(normal) else "rows to learn",
            found=f"none among {len(normal)}",
            where="model.train_on",
            do="Set model.train_on to auto or all, or look at the labels.",
        )
    return np.ascontiguousarray(rows.table[normal], np.float32), known


def _normal_label(rows: Rows) -> float:
    """The label of what nobody looks for; NaN, which no label equals, where there is none."""
    if rows.target.kind == "binary":
        return 0.0
    return float(rows.target.normal) if rows.target.kind == "classes" else float("nan")
