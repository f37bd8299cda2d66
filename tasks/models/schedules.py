"""Learning-rate factors: pure functions of how far a training is and of what it has reached."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tasks.models.training_config import NetworkTraining

_RISE, _FIRST, _LAST = 0.3, 1 / 25, 1e-4  # of one_cycle: share of rising steps, first, last factor
_SLOWER = 0.5  # of plateau


def rate_factor(config: NetworkTraining, progress: float, reached: Sequence[float]) -> float:
    """By how much the peak learning rate is multiplied.

    Args:
        config: its `schedule`, `warm_up` and `patience`.
        progress: share of all steps that are done, in [0, 1).
        reached: the stop metric of each epoch so far.

    Returns:
        A factor in [0, 1].
    """
    warmth = min(1.0, progress / config.warm_up) if config.warm_up else 1.0
    if config.schedule == "coslog4":
        return warmth * coslog4(progress)
    if config.schedule == "cosine":
        return warmth * cosine(progress)
    if config.schedule == "one_cycle":
        return warmth * one_cycle(progress)
    if config.schedule == "plateau":
        return warmth * plateau(reached, max(1, config.patience // 2))
    return warmth


def coslog4(progress: float) -> float:
    """Four cycles from 0 to 1 and back, each twice as long as the one before.

    Source: Holzmüller et al. 2024, arXiv:2407.04491.
    """
    return 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * progress)))


def cosine(progress: float) -> float:
    """From 1 to 0 along half a cosine.

    Source: Loshchilov & Hutter 2017, arXiv:1608.03983.
    """
    return 0.5 * (1 + math.cos(math.pi * progress))


def one_cycle(progress: float) -> float:
    """Up from 1/25 in the first 30% of the steps, then down to 1/10,000.

    Source: Smith & Topin 2018, arXiv:1708.07120.
    """
    if progress < _RISE:
        return 1 + (_FIRST - 1) * cosine(progress / _RISE)
    return _LAST + (1 - _LAST) * cosine((progress - _RISE) / (1 - _RISE))


def plateau(reached: Sequence[float], patience: int) -> float:
    """Half after each stretch of so many epochs without a better stop metric."""
    best, waited, factor = -math.inf, 0, 1.0
    for value in reached:
        better = value > best
        best, waited = max(best, value), 0 if better else waited + 1
        if waited == patience:
            waited, factor = 0, factor * _SLOWER
    return factor
