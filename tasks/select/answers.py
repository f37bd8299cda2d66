"""Features that know the answer: one of them alone tells the label, as no honest one does.

Such a column was mostly written after the answer: a case number, the reason of a refund, the kind
of an attack. It is no leak that changing the future can show, for it stands in the event's own row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tasks.models.metrics import rank_rows, roc_auc
from tasks.select.trees import Table

SUSPECT_FROM = 0.999
_ENOUGH = 20
_BINS = 64
_ROWS = 50_000

Mask = npt.NDArray[np.bool_]


def telling(
    table: Table, labels: npt.NDArray[np.generic], names: Sequence[str]
) -> Iterator[tuple[str, float]]:
    """Which features tell positives from negatives, or each class from the others, by themselves.

    Args:
        table: (n_rows, n_features) float32, NaN where missing.
        labels: (n_rows,); integers are classes, floats are numbers to be predicted.
        names: the features, in the order of columns.

    Yields:
        The name and the area under the ROC curve of its best use, from `SUSPECT_FROM` on; classes
        of fewer than 20 rows are not asked for, and of numbers nothing is said.
    """
    classes = np.unique(labels)
    if labels.dtype.kind == "f" or len(classes) < 2:
        return
    masks = [labels == each for each in (classes[1:] if len(classes) == 2 else classes)]
    masks = [mask for mask in masks if min(mask.sum(), (~mask).sum()) >= _ENOUGH]
    for name, column in zip(names, table.T, strict=True):
        worst = min((separation(column, mask) for mask in masks), default=0.0)
        if worst >= SUSPECT_FROM:
            yield name, worst


def separation(column: npt.NDArray[np.float32], positive: Mask) -> float:
    """Area under the ROC curve of a feature's best use alone: its order, or the share in its bins.

    Args:
        column: (n_rows,), NaN where missing.
        positive: (n_rows,).
    """
    rows = np.concatenate([_some(np.flatnonzero(positive)), _some(np.flatnonzero(~positive))])
    column, positive = column[rows], positive[rows]
    codes = _codes(column)
    share = np.bincount(codes, positive) / np.maximum(np.bincount(codes), 1)
    places = np.unique(column, return_inverse=True, equal_nan=True)[1]
    ordered, binned = (roc_auc(rank_rows(positive, each)) for each in (places, share[codes]))
    return max(ordered, 1 - ordered, binned)


def _some(rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    return rows[:: -(-len(rows) // _ROWS)] if len(rows) > _ROWS else rows


def _codes(column: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
    """The bin of each row: its value where there are few, else a quantile; missing is the last."""
    present = column[~np.isnan(column)]
    values = np.unique(present)
    if len(values) > _BINS:
        values = np.unique(np.quantile(present, np.linspace(0, 1, _BINS)))
    return np.where(np.isnan(column), len(values), np.searchsorted(values, column))
