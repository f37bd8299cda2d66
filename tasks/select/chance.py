"""How far chance alone would have come: the levels that every test by shuffling stands on."""

from __future__ import annotations

import functools

import numpy as np

from tasks.select.target import Floats

_DRAWS = 50_000
# Of roots of gains and of losses a row, whose usual size is 1 and 0.001; below it is rounding.
_LEAST_SPREAD = 1e-9


def cutoff(values: Floats, null: Floats, luckiest: Floats, alpha: float, fdr: float) -> float:
    """What a candidate has to exceed.

    First a gate: unless the strongest exceeds what the luckiest of all would reach by chance with
    probability `alpha`, the problem may be pure noise, and nothing passes. Behind the gate
    candidates pass by the step-up rule that keeps the expected share of mistakes below `fdr`.

    Args:
        values: (n_candidates,) with the true labels.
        null: (n_values,) the same of any candidate under chance, pooled.
        luckiest: (n_rounds,) the largest value of each round of chance.
        alpha: chance that pure noise passes anything.
        fdr: expected share of noise among what passes.
    """
    gate = bound(luckiest, alpha)
    return gate if values.max() <= gate else min(gate, step_up(values, null, fdr))


def step_up(values: Floats, null: Floats, fdr: float) -> float:
    """What a candidate has to exceed, so that the expected share of mistakes stays below `fdr`.

    Args:
        values: (n_candidates,) with the true labels.
        null: (n_values,) the same of any candidate under chance, pooled.
        fdr: expected share of noise among what passes.

    Source: Benjamini & Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x.
    """
    falling = -np.sort(-null)
    beaten_by = np.searchsorted(-falling, np.sort(-values), side="right")
    chances = (1 + beaten_by) / (1 + len(null))
    allowed = fdr * np.arange(1, len(values) + 1) / len(values)
    passing = np.flatnonzero(chances <= allowed)
    if not len(passing):
        return float("inf")
    place = int(allowed[passing[-1]] * (1 + len(null)))
    return float(falling[place - 1])


def bound(luckiest: Floats, alpha: float) -> float:
    """What the luckiest of all candidates exceeds by chance with probability `alpha`.

    The largest of many values is spread by Gumbel's law, whose tail a few rounds can tell. Where
    that law should not hold, the bound is no lower than the largest round: it is exceeded with
    probability 1 / (rounds + 1) at most, whatever the law.

    Args:
        luckiest: (n_rounds,) the largest value of each round of chance.
        alpha: in (0, 1).

    Source: Westfall & Young 1993 (largest of all); Gumbel 1958, Statistics of Extremes.
    """
    spread = float(luckiest.std(ddof=1))
    reached = float(luckiest.mean()) + _reach(len(luckiest), alpha) * spread
    return max(float(luckiest.max()), reached)


def moderate_spread(squares: Floats) -> Floats:
    """Deviations from few rounds, drawn towards the median of all candidates.

    Args:
        squares: (..., n_candidates) variances.

    Source: Smyth 2004, doi:10.2202/1544-6115.1027 (moderated variances).
    """
    usual = np.median(squares, axis=-1, keepdims=True)
    mixed = (squares + usual) / 2
    spread: Floats = np.maximum(np.sqrt(mixed), _LEAST_SPREAD)
    return spread


@functools.cache
def _reach(rounds: int, alpha: float) -> float:
    """Sample deviations above the mean of `rounds` Gumbel values within which one more falls."""
    drawn = np.random.default_rng(0).gumbel(size=(_DRAWS, rounds + 1))
    before, after = drawn[:, 1:], drawn[:, 0]
    return float(np.quantile((after - before.mean(axis=1)) / before.std(axis=1, ddof=1), 1 - alpha))
