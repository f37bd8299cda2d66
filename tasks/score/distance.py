"""How far a night's scores are from those the model was judged on."""

from __future__ import annotations

import numpy as np

from tasks.models.base import Vector

_BY_CHANCE = 1.628  # of two samples of one distribution, one pair in 100 is further apart


def distance(night: Vector, reference: Vector) -> float:
    """The Kolmogorov-Smirnov distance: the largest gap between two cumulative distributions.

    Args:
        night: finite scores (n_night,), at least one.
        reference: finite scores (n_reference,), at least one.

    Returns:
        0 to 1; an effect size, which does not grow with the number of rows.

    Example:
        >>> distance(np.array([1.0, 2.0]), np.array([1.0, 2.0, 3.0, 4.0]))
        0.5
    """
    ours, theirs = np.sort(night), np.sort(reference)
    points = np.concatenate([ours, theirs])
    shares = [np.searchsorted(each, points, "right") / len(each) for each in (ours, theirs)]
    return float(np.abs(shares[0] - shares[1]).max())


def by_chance(night: int, reference: int) -> float:
    """How far two samples of one distribution are apart in all but one of 100 cases.

    Source: Smirnov 1948, doi:10.1214/aoms/1177730256.
    """
    return _BY_CHANCE * float(np.sqrt((night + reference) / (night * reference)))


def too_far(night: Vector, reference: Vector, bound: float | None) -> str:
    """Why scores cannot be taken for those of the model that was judged; empty where they can.

    Args:
        night: the night's scores.
        reference: those of the test part.
        bound: the largest distance beyond chance; None for any.
    """
    if bound is None or not len(night) or not len(reference):
        return ""
    found, chance = distance(night, reference), by_chance(len(night), len(reference))
    if found - chance <= bound:
        return ""
    return (
        f"its scores are far from those of its test part: distance {found:.2f}, of which chance "
        f"explains {chance:.2f} at most, above the {bound:g} allowed"
    )
