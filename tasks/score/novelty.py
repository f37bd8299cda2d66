"""How unusual an event is beside the training, whatever the model makes of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tasks.models.base import Matrix, Vector
from tasks.models.baseline import SCORE, Baseline
from tasks.score.stream import Events


def novelty(events: Events, baselines: Mapping[str, Baseline]) -> Vector:
    """Rank events by how far into the tails of the training's features they lie.

    Args:
        events: the night; features without a baseline are left out.
        baselines: of the features, by name.

    Returns:
        (n_events,), 0 for the most usual to 1 for the most unusual; events alike share a rank.

    Source: Li et al. 2022, ECOD, doi:10.1109/TKDE.2022.3159580: the sum over features of the
    negative log of the empirical tail probability; two-sided here, and by the share of its value
    where a feature takes few.
    """
    known = {n: b for n, b in baselines.items() if n in events.features and not n.startswith(SCORE)}
    parts = [np.empty(0)]
    for matrix in events.matrices(tuple(known)):
        columns = zip(matrix.T, known.values(), strict=True)
        parts.append(
            sum((surprise(column, each) for column, each in columns), np.zeros(len(matrix)))
        )
    return ranks(np.concatenate(parts))


def surprise(values: Matrix | Vector, baseline: Baseline) -> Vector:
    """Negative log of how likely a value as unusual was in training.

    Args:
        values: (n_rows,), NaN where there is none.
        baseline: of the same variable.

    Returns:
        (n_rows,), 0 or more; what training never saw counts as seen half a time.
    """
    numbers = np.asarray(values, np.float64)
    known = baseline.rows - baseline.missing
    at_or_below = np.concatenate([[0], baseline.below])
    if baseline.is_listed:
        place = np.searchsorted(baseline.knots, numbers, side="left")
        inside = np.minimum(place, max(len(baseline.knots) - 1, 0))
        is_there = np.append(baseline.knots, np.nan)[inside] == numbers
        count = np.where(is_there, np.append(np.diff(at_or_below), 0)[inside], 0)
    else:
        place = np.searchsorted(baseline.knots, numbers, side="right")
        before = np.searchsorted(baseline.knots, numbers, side="left")
        count = 2 * np.minimum(at_or_below[place], known - at_or_below[before])
    count = np.where(np.isnan(numbers), baseline.missing, count)
    rows = max(baseline.rows, 1)
    return np.asarray(-np.log(np.clip(count, 0.5, rows) / rows))


def ranks(values: Vector) -> Vector:
    """Ranks from 0 to 1, the mean of its places for each of several equal values."""
    if len(values) < 2:
        return np.zeros(len(values))
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middle = ends - (counts + 1) / 2
    return np.asarray(middle[place] / (len(values) - 1))
