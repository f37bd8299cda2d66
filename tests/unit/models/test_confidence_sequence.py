"""The interval of a mean that is watched: right at all looks together, and soon enough."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tasks.models.comparison import Comparison, Watched
from tasks.models.confidence_sequence import mean_interval

NIGHTS = 60
CASES = 600

# Nightly differences of two models of the same worth: even, with outliers, and skewed, as average
# precision is where a night has a handful of positives.
DRAWS = {
    "normal": lambda g: g.normal(size=NIGHTS),
    "heavy tails": lambda g: g.standard_t(3, size=NIGHTS),
    "skewed": lambda g: g.exponential(size=NIGHTS) - g.exponential(0.5, NIGHTS) * 2,
    "mostly equal": lambda g: g.normal(size=NIGHTS) * (g.random(NIGHTS) < 0.5),
}


def promoted_by(differences: np.ndarray) -> float:
    """The first night at which the lower end is above zero; infinite where there is none."""
    return next(
        (n for n in range(2, len(differences) + 1) if mean_interval(differences[:n])[0] > 0),
        math.inf,
    )


@pytest.mark.parametrize("name", sorted(DRAWS))
def test_sixty_looks_promote_no_more_often_than_one_look_should(name: str) -> None:
    """One-sided, 2.5% of challengers that are no better: 15 of 600, at most 25 by chance."""
    generator = np.random.default_rng(7)
    found = sum(promoted_by(DRAWS[name](generator)) < math.inf for _ in range(CASES))
    assert found <= 25


def test_looking_every_night_at_an_interval_made_for_one_look_promotes_four_times_as_often() -> (
    None
):
    generator, naive = np.random.default_rng(7), 0
    for _ in range(CASES):
        drawn = generator.normal(size=NIGHTS)
        looks = np.arange(8, NIGHTS + 1)
        means = np.array([drawn[:n].mean() for n in looks])
        errors = np.array([drawn[:n].std(ddof=1) / math.sqrt(n) for n in looks])
        naive += bool((means > 1.96 * errors).any())
    assert naive > 4 * 0.025 * CASES


@pytest.mark.parametrize(("effect", "share"), [(0.4, 0.35), (0.5, 0.65), (0.7, 0.95), (1.0, 0.99)])
def test_a_better_challenger_is_found_within_sixty_nights(effect: float, share: float) -> None:
    """Effect: the mean nightly difference in standard deviations of the nights."""
    generator = np.random.default_rng(11)
    found = [promoted_by(generator.normal(effect, 1, NIGHTS)) for _ in range(200)]
    assert np.mean(np.isfinite(found)) >= share


def test_the_interval_scales_with_its_values_and_shrinks() -> None:
    drawn = np.random.default_rng(0).normal(0.3, 1, 400)
    low, high = mean_interval(drawn)
    assert mean_interval(drawn * 1e-3) == pytest.approx((low * 1e-3, high * 1e-3))
    assert mean_interval(-drawn) == pytest.approx((-high, -low))
    assert high - low < 0.5 * np.subtract(*mean_interval(drawn[:40])[::-1])


def test_few_nights_say_nothing_and_equal_scores_are_not_better() -> None:
    assert mean_interval(np.array([1.0])) == (-math.inf, math.inf)
    assert mean_interval(np.array([1.0, 1.1, 0.9, 1.0])) == (-math.inf, math.inf)
    assert mean_interval(np.zeros(30)) == (0, 0)


def test_both_intervals_have_to_agree_where_one_looks_every_night() -> None:
    once = Comparison(900, 40, 0.4, 0.3, 0.01, 0.2)
    assert once.better
    few = Comparison(900, 40, 0.4, 0.3, 0.01, 0.2, Watched.of(np.full(5, 0.1)))
    assert not few.better
    assert "5 nights are too few" in str(few)
    nights = np.random.default_rng(1).normal(0.1, 0.1, 40)
    many = Comparison(900, 40, 0.4, 0.3, 0.01, 0.2, Watched.of(nights))
    assert many.better
    assert "however often one looks" in str(many)
