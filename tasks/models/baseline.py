"""What a feature, or the score, looked like in training: what later nights are held against.

A baseline is small: the values at a hundred quantiles, or each value where there are few, with the
rows at or below them. It is fitted with the model and travels in its bundle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from tasks.models.base import Matrix, Vector
from tasks.models.stored import arrays_of, holding

SCORE = "score."  # and the role of the member that gave it
MOST_VALUES = 25
BINS = 10
_LEVELS = np.concatenate([[0, 0.001, 0.005], np.arange(1, 100) / 100, [0.995, 0.999, 1]])
_PARTS = ("knots", "below", "facts")  # the arrays of each
_FLOOR = 1e-3

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Baseline:
    """One variable over the rows of a training.

    Args:
        knots: rising (n_knots,): every value it took, or its quantiles.
        below: rows at or below each knot (n_knots,).
        rows: rows, those without a value included.
        missing: rows without a value.
        is_listed: whether the knots are every value it took.
        usual_psi: the farthest that a single night of the training was from all of them.
        nights: nights of the training.
    """

    knots: Vector
    below: Counts
    rows: int
    missing: int
    is_listed: bool
    usual_psi: float
    nights: int

    @property
    def edges(self) -> Vector:
        """Upper ends of the bins between which the index of stability compares shares."""
        if self.is_listed or not len(self.knots):
            return self.knots
        shares = self.below / max(self.rows - self.missing, 1)
        places = np.searchsorted(shares, np.arange(1, BINS) / BINS)
        return np.asarray(self.knots[np.unique(np.minimum(places, len(self.knots) - 1))])

    @property
    def bins(self) -> Counts:
        """Rows in each bin, the one above the last edge and the one without a value included."""
        below = self.below[np.searchsorted(self.knots, self.edges)]
        return split(below, self.rows - self.missing, self.missing)

    def at(self, level: float) -> float | None:
        """The value at a quantile; None where no row had one."""
        known = self.rows - self.missing
        if not known:
            return None
        place = min(int(np.searchsorted(self.below, level * known)), len(self.knots) - 1)
        return float(self.knots[place])


def fit(values: Matrix | Vector, nights: Vector) -> Baseline:
    """Describe a variable.

    Args:
        values: (n_rows,), NaN where there is none.
        nights: (n_rows,), the night of each row as a whole number.
    """
    numbers = np.asarray(values, np.float64)
    known = np.sort(numbers[np.isfinite(numbers)])
    distinct = np.unique(known)
    is_listed = len(distinct) <= MOST_VALUES
    knots = distinct if is_listed else np.unique(np.quantile(known, _LEVELS, method="lower"))
    below = np.searchsorted(known, knots, side="right")
    missing, several = len(numbers) - len(known), len(np.unique(nights))
    found = Baseline(knots, below, len(numbers), missing, is_listed, 0.0, several)
    return replace(found, usual_psi=_usual(found, numbers, nights))


def split(below: Counts, known: int, missing: int) -> Counts:
    """Rows of each bin from the rows at or below each edge."""
    return np.append(np.diff(below, prepend=0, append=known), missing)


def psi(bins: Counts, baseline: Counts) -> float:
    """The population stability index of counts in the same bins; 0 where they agree.

    A share below 0.001 counts as 0.001, so that an empty bin does not decide by itself.

    Source: Siddiqi 2006, Credit Risk Scorecards, chapter 9.
    """
    shares = [np.maximum(each / max(each.sum(), 1), _FLOOR) for each in (bins, baseline)]
    return float(np.sum((shares[0] - shares[1]) * np.log(shares[0] / shares[1])))


def noise(bins: Counts, baseline: Counts) -> tuple[float, float]:
    """Degrees of freedom, and the size that both samples are worth together.

    Where nothing has changed the index times that size is about chi-squared with these degrees.

    Source: Yurdakul & Naranjo 2020, doi:10.21314/JRMV.2020.227.
    """
    degrees = max(int(((bins + baseline) > 0).sum()) - 1, 1)
    n, m = float(bins.sum()), float(baseline.sum())
    return degrees, n * m / max(n + m, 1.0)


def save(baselines: Mapping[str, Baseline]) -> bytes:
    """Baselines as safetensors, three arrays each."""
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for name, each in baselines.items():
        facts = [each.rows, each.missing, each.is_listed, each.usual_psi, each.nights]
        arrays[f"knots/{name}"] = np.asarray(each.knots, np.float64)
        arrays[f"below/{name}"] = np.asarray(each.below, np.int64)
        arrays[f"facts/{name}"] = np.asarray(facts, np.float64)
    return safetensors.numpy.save(arrays)


def load(content: bytes) -> dict[str, Baseline]:
    """Read what `save` wrote.

    Raises:
        ModelError: the bytes are no baselines.
    """
    with holding("baselines", "baseline.safetensors"):
        arrays = arrays_of(content, gaps=True)
        names = [key.partition("/")[2] for key in arrays if key.startswith("facts/")]
        if not names or set(arrays) != {f"{part}/{name}" for part in _PARTS for name in names}:
            raise ValueError(f"arrays of no baselines: {', '.join([*arrays][:5])}")
        return {name: _read(arrays, name) for name in names}


def _read(arrays: Mapping[str, npt.NDArray[np.float64]], name: str) -> Baseline:
    rows, missing, is_listed, usual, nights = arrays[f"facts/{name}"].tolist()
    below = arrays[f"below/{name}"].astype(np.int64)
    knots = arrays[f"knots/{name}"]
    return Baseline(knots, below, int(rows), int(missing), bool(is_listed), usual, int(nights))


def _usual(baseline: Baseline, values: Vector, nights: Vector) -> float:
    """The largest index of one night against all, less what chance adds to it."""
    edges, whole = baseline.edges, baseline.bins
    places = np.where(
        np.isfinite(values), np.searchsorted(edges, values, side="left"), len(whole) - 1
    )
    _, night = np.unique(nights, return_inverse=True)
    counts = np.bincount(night * len(whole) + places, minlength=baseline.nights * len(whole))
    found = [0.0]
    for bins in counts.reshape(-1, len(whole)):
        degrees, size = noise(bins, whole)
        found.append(psi(bins, whole) - degrees / size)
    return max(found)
