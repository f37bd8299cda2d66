"""Why an event was scored as it was: the features that moved its score most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks.models.base import Matrix, Scorer, Vector

TOP = 5
DTYPE = pl.List(pl.Struct({"feature": pl.String, "value": pl.Float64, "contribution": pl.Float64}))
_ABSOLUTE_GAP = 0.05
_RELATIVE_GAP = 0.05

Reason = dict[str, str | float | None]


def explain(
    scorer: Scorer, table: Matrix, scores: Vector, features: Sequence[str], unit: float = 1.0
) -> list[list[Reason]]:
    """The strongest contributions to each row's score.

    Args:
        scorer: the model that gave the scores.
        table: (n_rows, n_features).
        scores: (n_rows,).
        features: the columns' names.
        unit: of the scores, by which a gap is small.

    Returns:
        For each row at most five reasons, strongest first, ties by the order of the features. A
        row whose contributions do not add up to its score gets none: no reason beats a wrong one.
    """
    contributions = scorer.explain(table).astype(np.float64)
    whole = adds_up(contributions, scores, unit)
    return [
        _strongest(row, shares[:-1], features) if complete else []
        for row, shares, complete in zip(table, contributions, whole, strict=True)
    ]


def adds_up(contributions: Matrix | Vector, scores: Vector, unit: float = 1.0) -> Vector:
    """Whether each row of contributions, start included, adds up to its score."""
    way = np.abs(scores - contributions[:, -1])
    gap = np.abs(contributions.sum(axis=1) - scores)
    return np.asarray(gap <= np.maximum(_ABSOLUTE_GAP * unit, _RELATIVE_GAP * way))


def _strongest(row: Matrix, shares: Vector, features: Sequence[str]) -> list[Reason]:
    order = np.argsort(-np.abs(shares), kind="stable")[:TOP]
    return [
        {
            "feature": features[j],
            "value": float(row[j]) if np.isfinite(row[j]) else None,
            "contribution": float(shares[j]),
        }
        for j in order
        if shares[j] != 0
    ]
