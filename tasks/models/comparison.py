"""Whether one model ranks better than another on the same rows, beyond chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.models.base import Vector
from tasks.models.confidence_sequence import mean_interval
from tasks.models.metrics import average_precision, rank_rows

FEWEST_POSITIVES = 20  # with fewer, one lucky event decides
_FEWEST_DAYS = 8  # with fewer, resampled days say little; rows are resampled instead


@dataclass(frozen=True, slots=True)
class Watched:
    """Differences in average precision, night by night, of which one looks at each.

    Args:
        nights: nights whose labels are all known and among whose events is a positive.
        low: lower end of the mean's interval at every look at once, challenger less champion.
        high: its upper end.
    """

    nights: int
    low: float
    high: float

    @classmethod
    def of(cls, differences: Vector) -> Watched:
        """Of the differences, in the order of their nights."""
        return cls(len(differences), *mean_interval(differences))

    def __str__(self) -> str:
        if not np.isfinite(self.low):
            return f"{self.nights} nights are too few to look at them every night"
        return (
            f"a night, however often one looks, {self.low:+.3f} to {self.high:+.3f} in "
            f"{self.nights} nights"
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Average precision of a challenger and of the champion on the same rows.

    Args:
        rows: rows that both scored and neither was fitted on.
        positives: of these.
        challenger: its average precision; NaN where there is no positive.
        champion: its average precision.
        low: lower end of the 95% interval of the difference, challenger less champion.
        high: its upper end.
        watched: of a comparison that is made again every night, the nightly differences.
    """

    rows: int
    positives: int
    challenger: float
    champion: float
    low: float
    high: float
    watched: Watched | None = None

    @property
    def decides(self) -> bool:
        """Whether there are enough positives to tell anything."""
        return self.positives >= FEWEST_POSITIVES

    @property
    def better(self) -> bool:
        """Whether the challenger is better beyond chance."""
        beyond_chance = self.decides and self.low > 0
        return beyond_chance and (self.watched is None or self.watched.low > 0)

    def __str__(self) -> str:
        if not self.decides:
            return (
                f"{self.positives} positives on {self.rows:,} rows that neither was fitted on, "
                f"{FEWEST_POSITIVES} are needed"
            )
        return (
            f"average precision {self.challenger:.3f} against {self.champion:.3f} on "
            f"{self.rows:,} rows that neither was fitted on; difference "
            f"{self.challenger - self.champion:+.3f} ({self.low:+.3f} to {self.high:+.3f})"
            + (f"; {self.watched}" if self.watched else "")
        )


def compare(
    labels: Vector,
    challenger: Vector,
    champion: Vector,
    days: Vector,
    rounds: int = 500,
    seed: int = 0,
) -> Comparison:
    """Compare two rankings of the same rows by a paired bootstrap.

    Both models are measured on each resample, so that what is hard for both cancels out. Whole
    days are resampled where there are at least eight, for the events of a day depend on each other.

    Args:
        labels: (n_rows,), 0 or 1, NaN where nothing is known: such rows do not count.
        challenger: finite scores (n_rows,).
        champion: finite scores (n_rows,).
        days: (n_rows,), the batch date of each row as a number.
        rounds: resamples.
        seed: of the resampling.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapters 8 and 13.
    """
    known = np.isfinite(labels)
    labels, challenger, champion, days = (
        each[known] for each in (labels, challenger, champion, days)
    )
    rows, positives = len(labels), int(labels.sum())
    if not positives:
        nothing = float("nan")
        return Comparison(rows, 0, nothing, nothing, nothing, nothing)
    rankings = rank_rows(labels, challenger), rank_rows(labels, champion)
    values = [average_precision(ranking) for ranking in rankings]
    generator, differences = np.random.default_rng(seed), []
    distinct, place = np.unique(days, return_inverse=True)
    blocks = place if len(distinct) >= _FEWEST_DAYS else np.arange(rows)
    count = int(blocks.max()) + 1
    for _ in range(rounds):
        drawn = np.bincount(generator.integers(0, count, count), minlength=count)
        weights = drawn.astype(np.float64)[blocks]
        one, other = (average_precision(ranking, weights) for ranking in rankings)
        differences.append(one - other)
    low, high = np.nanquantile(differences, [0.025, 0.975])
    return Comparison(rows, positives, values[0], values[1], float(low), float(high))
