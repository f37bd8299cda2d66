"""Whether one model ranks, or predicts, better than another on the same rows, beyond chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tasks.models.base import Vector
from tasks.models.confidence_sequence import mean_interval
from tasks.models.metrics import average_precision, rank_rows

FEWEST_POSITIVES = 20  # with fewer, one lucky event decides
_FEWEST_DAYS = 8  # with fewer, resampled days say little; rows are resampled instead


@dataclass(frozen=True, slots=True)
class Watched:
    """What one model gained on another, night by night, of which one looks at each.

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
    """A challenger's measure and the champion's on the same rows.

    Args:
        rows: rows that both scored and neither was fitted on.
        positives: of these; of values all rows.
        challenger: its average precision, NaN where there is no positive; of values the root of
            its mean squared error.
        champion: the same of the champion.
        low: lower end of the 95% interval of what the challenger is better by: the difference of
            average precisions, or of mean squared errors.
        high: its upper end.
        watched: of a comparison that is made again every night, the nightly differences.
        of_values: whether values were compared.
    """

    rows: int
    positives: int
    challenger: float
    champion: float
    low: float
    high: float
    watched: Watched | None = None
    of_values: bool = False

    @property
    def decides(self) -> bool:
        """Whether there are enough positives, or values, to tell anything."""
        return self.positives >= FEWEST_POSITIVES

    @property
    def better(self) -> bool:
        """Whether the challenger is better beyond chance."""
        beyond_chance = self.decides and self.low > 0
        return beyond_chance and (self.watched is None or self.watched.low > 0)

    def __str__(self) -> str:
        if self.of_values:
            return self._values_in_words()
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

    def _values_in_words(self) -> str:
        if not self.decides:
            return f"{self.rows:,} rows that neither was fitted on, {FEWEST_POSITIVES} are needed"
        return (
            f"RMSE {self.challenger:.4g} against {self.champion:.4g} on {self.rows:,} rows that "
            f"neither was fitted on; mean squared error less by "
            f"{self.champion**2 - self.challenger**2:.4g} ({self.low:.4g} to {self.high:.4g})"
            + (f"; of both errors' sum {self.watched}" if self.watched else "")
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
        return _nothing(rows)
    rankings = rank_rows(labels, challenger), rank_rows(labels, champion)
    values = [average_precision(ranking) for ranking in rankings]
    differences = []
    for weights in _resampled(days, rounds, seed):
        one, other = (average_precision(ranking, weights) for ranking in rankings)
        differences.append(one - other)
    low, high = np.nanquantile(differences, [0.025, 0.975])
    return Comparison(rows, positives, values[0], values[1], float(low), float(high))


def compare_values(
    labels: Vector,
    challenger: Vector,
    champion: Vector,
    days: Vector,
    rounds: int = 500,
    seed: int = 0,
) -> Comparison:
    """Compare two models' predicted values of the same rows by a paired bootstrap.

    Each row's squared errors are resampled together, by whole days as in `compare`.

    Args:
        labels: true values (n_rows,), NaN where nothing is known: such rows do not count.
        challenger: finite predictions (n_rows,).
        champion: finite predictions (n_rows,).
        days: (n_rows,), the batch date of each row as a number.
        rounds: resamples.
        seed: of the resampling.
    """
    known = np.isfinite(labels)
    rows = int(known.sum())
    if not rows:
        return _nothing(0, of_values=True)
    errors = [((each - labels) ** 2)[known] for each in (challenger, champion)]
    gain = errors[1] - errors[0]
    means = [float(np.average(gain, weights=w)) for w in _resampled(days[known], rounds, seed)]
    low, high = np.quantile(means, [0.025, 0.975])
    ours, theirs = (float(each.mean()) ** 0.5 for each in errors)
    return Comparison(rows, rows, ours, theirs, float(low), float(high), of_values=True)


def _nothing(rows: int, of_values: bool = False) -> Comparison:
    """A comparison of rows that tell nothing."""
    nan = float("nan")
    return Comparison(rows, 0, nan, nan, nan, nan, of_values=of_values)


def _resampled(days: Vector, rounds: int, seed: int) -> Iterator[Vector]:
    """How often each row counts in each resample (n_rows,)."""
    generator = np.random.default_rng(seed)
    distinct, place = np.unique(days, return_inverse=True)
    blocks = place if len(distinct) >= _FEWEST_DAYS else np.arange(len(days))
    count = int(blocks.max()) + 1
    for _ in range(rounds):
        drawn = np.bincount(generator.integers(0, count, count), minlength=count)
        yield drawn.astype(np.float64)[blocks]
