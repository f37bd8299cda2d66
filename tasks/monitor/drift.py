"""How far tonight's features and scores are from those of the training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import ndtri

from tasks.models.base import Vector
from tasks.models.baseline import Baseline, Counts, noise, psi, split
from tasks.monitor.config import DriftConfig

VERDICTS = ("strong", "moderate", "unclear", "usual", "stable")
SCHEMA: Mapping[str, pl.DataType] = {
    "name": pl.String(),
    "kind": pl.String(),
    "verdict": pl.String(),
    "reason": pl.String(),
    "psi": pl.Float64(),
    "psi_low": pl.Float64(),
    "psi_high": pl.Float64(),
    "psi_usual": pl.Float64(),
    "distance": pl.Float64(),
    "distance_measure": pl.String(),
    "ks": pl.Float64(),
    "median": pl.Float64(),
    "median_training": pl.Float64(),
    "missing_share": pl.Float64(),
    "missing_share_training": pl.Float64(),
    "rows": pl.Int64(),
}
_CERTAINTY = 0.95
_MIDDLE = (0.01, 0.99)


@dataclass(frozen=True, slots=True)
class Stability:
    """The index of stability with the interval that sampling leaves open.

    Args:
        found: the index as it was found.
        low: lower end of the interval of what it would be without sampling noise.
        high: its upper end.
        likely: the index less what noise adds to it on average.
    """

    found: float
    low: float
    high: float
    likely: float


@dataclass(frozen=True, slots=True)
class Sample:
    """Tonight's values of one variable.

    Args:
        known: the finite ones, rising.
        missing: rows without one.
    """

    known: Vector
    missing: int

    @classmethod
    def of(cls, values: Vector) -> Sample:
        """Sort the values; single precision, as the features have it, is sorted fastest."""
        ordered = np.sort(values)
        first = int(np.searchsorted(ordered, -np.inf, side="right"))
        last = int(np.searchsorted(ordered, np.inf, side="left"))
        return cls(ordered[first:last], len(values) - (last - first))

    def below(self, points: Vector, side: str = "right") -> Counts:
        """Values at or below each point; below it with `side` left."""
        found = np.searchsorted(self.known, points.astype(self.known.dtype), side=side)  # type: ignore[call-overload]
        return np.asarray(found, np.int64)

    def bins(self, baseline: Baseline) -> Counts:
        """Rows in the bins of a baseline; a value it does not list is counted above all."""
        edges = baseline.edges
        below = self.below(edges)
        if not baseline.is_listed:
            return split(below, len(self.known), self.missing)
        each = below - self.below(edges, "left")
        return np.append(each, [len(self.known) - each.sum(), self.missing])


def measure(
    name: str, kind: str, values: Vector, baseline: Baseline, config: DriftConfig, asked: int
) -> dict[str, object]:
    """One row of the drift table.

    Args:
        name: the feature's, or `score`.
        kind: `feature` or `score`.
        values: (n_rows,), NaN where there is none.
        baseline: of the training.
        config: thresholds.
        asked: rows of the table, for which the intervals hold together.
    """
    sample = Sample.of(values)
    found = stability(sample.bins(baseline), baseline.bins, asked) if len(values) else None
    verdict, reason = judge(found, baseline.usual_psi, config)
    both = len(sample.known) > 0 and len(baseline.knots) > 0
    known = len(sample.known)
    return {
        "name": name,
        "kind": kind,
        "verdict": verdict,
        "reason": reason,
        "psi": found.found if found else None,
        "psi_low": found.low if found else None,
        "psi_high": found.high if found else None,
        "psi_usual": baseline.usual_psi,
        "distance": distance(sample, baseline) if both else None,
        "distance_measure": "jensen_shannon" if baseline.is_listed else "wasserstein",
        "ks": float(np.max(np.abs(_gaps(sample, baseline)))) if both else None,
        "median": float(sample.known[(known - 1) // 2]) if known else None,
        "median_training": baseline.at(0.5),
        "missing_share": sample.missing / len(values) if len(values) else None,
        "missing_share_training": baseline.missing / baseline.rows if baseline.rows else None,
        "rows": len(values),
    }


def stability(bins: Counts, baseline: Counts, asked: int = 1) -> Stability:
    """The index with an interval that holds for all of `asked` indices together, at 95%.

    The index times the joint size of both samples is about non-central chi-squared; its noise
    adds its degrees of freedom on average, and spreads by twice these and four times the truth.

    Source: Yurdakul & Naranjo 2020, doi:10.21314/JRMV.2020.227; Bonferroni for several.
    """
    found = psi(bins, baseline)
    degrees, size = noise(bins, baseline)
    likely = max(found - degrees / size, 0.0)
    spread = np.sqrt(2 * degrees + 4 * size * likely) / size
    reach = float(ndtri(1 - (1 - _CERTAINTY) / 2 / asked) * spread)
    return Stability(found, max(found - degrees / size - reach, 0.0), likely + reach, likely)


def judge(found: Stability | None, usual: float, config: DriftConfig) -> tuple[str, str]:
    """The verdict and why, in words."""
    if found is None:
        return "unclear", "no rows tonight"
    told = f"{found.likely:.2f} ({found.low:.2f} to {found.high:.2f})"
    for verdict, threshold in (("strong", config.strong), ("moderate", config.moderate)):
        if found.low >= threshold:
            if found.likely <= usual:
                return "usual", f"{told}; single nights of the training reach {usual:.2f}"
            return verdict, f"{told}, at least {threshold:g}; nights of the training {usual:.2f}"
    if found.high >= config.moderate and found.likely > usual:
        return "unclear", f"{told}: too few rows to rule {config.moderate:g} out"
    return "stable", f"{told}, nowhere near {config.moderate:g}" if (
        found.high < config.moderate
    ) else f"{told}, within the {usual:.2f} of single nights of the training"


def distance(sample: Sample, baseline: Baseline) -> float:
    """How far apart two distributions are.

    Returns:
        Of listed values the Jensen-Shannon distance, 0 to 1. Otherwise the Wasserstein distance
        of the values cut to the middle 98% of the training, as a share of the span of its middle
        90%.

    Source: Lin 1991, doi:10.1109/18.61115; Ramdas, Trillos & Cuturi 2017, doi:10.3390/e19020047.
    """
    if baseline.is_listed:
        shares = [bins[:-1] / bins[:-1].sum() for bins in (sample.bins(baseline), baseline.bins)]
        return _jensen_shannon(*shares)
    low, high = np.searchsorted(baseline.below / baseline.below[-1], _MIDDLE)
    knots = baseline.knots[low : high + 1]
    # Beyond the middle all values count as its ends, so the gap is one of the inner knots alone.
    gaps = np.abs(_gaps(sample, baseline)[low : high + 1])
    moved = float(np.sum(np.diff(knots) * (gaps[:-1] + gaps[1:]) / 2))
    ends = [baseline.at(level) or 0.0 for level in (0.05, 0.95)]
    span = ends[1] - ends[0] or float(knots[-1] - knots[0]) or 1.0
    return moved / span


def _gaps(sample: Sample, baseline: Baseline) -> Vector:
    """Difference of the two cumulative shares at the baseline's knots."""
    own = sample.below(baseline.knots) / len(sample.known)
    return np.asarray(own - baseline.below / baseline.below[-1], np.float64)


def _jensen_shannon(first: Vector, second: Vector) -> float:
    middle = (first + second) / 2
    parts = [
        float(np.sum(each[each > 0] * np.log2(each[each > 0] / middle[each > 0])))
        for each in (first, second)
    ]
    return float(np.sqrt(max(sum(parts) / 2, 0.0)))


def to_frame(rows: list[dict[str, object]]) -> pl.DataFrame:
    """The rows as a table, the gravest first, then the largest index, then by name."""
    gravity = {verdict: place for place, verdict in enumerate(VERDICTS)}
    frame = pl.DataFrame(rows, schema=dict(SCHEMA))
    place = pl.col("verdict").replace_strict(gravity, return_dtype=pl.Int8)
    return frame.sort(place, -pl.col("psi"), "name", "kind", nulls_last=True)
