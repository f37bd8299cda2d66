"""From a predicted value to an interval that holds the true one as often as it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tasks.models.base import Vector

_TOLERANCE = 1e-9  # (n + 1) * share is a whole number more often than floating point knows


@dataclass(frozen=True, slots=True)
class Residuals:
    """What predictions missed by on the calibration part.

    Args:
        level: share of true values that an interval is to hold.
        knots: predicted values, rising (n_knots,); empty where misses are taken to be of one size.
        spreads: usual size of a miss there, above 0 (n_knots,).
        ratios: true less predicted value in units of the usual miss, rising (n_rows,).
    """

    level: float
    knots: Vector
    spreads: Vector
    ratios: Vector

    def spread(self, values: Vector) -> Vector:
        """The usual size of a miss at predicted values (n,); beyond the knots as at the last."""
        if not len(self.knots):
            return np.ones(len(values))
        return np.asarray(np.interp(values, self.knots, self.spreads), np.float64)

    def interval(self, values: Vector, level: float | None = None) -> tuple[Vector, Vector]:
        """Both ends (n,) of the interval around predicted values (n,).

        It holds the true value in at least `level` of the cases, on average over calibration parts
        whose rows are exchangeable with the predicted ones, and misses to each side equally often;
        an end that the calibration part has too few rows for is infinite.

        Args:
            values: predicted.
            level: another share than that of the pipeline file.

        Source: Papadopoulos et al. 2002, doi:10.1007/3-540-36755-1_29 (split conformal); Lei et al.
        2018, doi:10.1080/01621459.2017.1307116 (local spread); Romano, Patterson & Candès 2019,
        arXiv:1905.03222 (each side by itself).

        Example:
            >>> missed = Residuals(0.5, np.empty(0), np.empty(0), np.array([-2.0, 0.0, 3.0]))
            >>> [float(end[0]) for end in missed.interval(np.array([10.0]))]
            [8.0, 13.0]
        """
        share = (1 - (self.level if level is None else level)) / 2
        below = int(np.floor((len(self.ratios) + 1) * share + _TOLERANCE))
        whole = np.concatenate([[-np.inf], self.ratios, [np.inf]])
        spread = self.spread(values)
        low, high = whole[below], whole[len(whole) - 1 - below]
        return values + low * spread, values + high * spread

    def arrays(self) -> Mapping[str, Vector]:
        """What a file keeps of them, by name."""
        return {
            "level": np.array([self.level]),
            "knots": self.knots,
            "spreads": self.spreads,
            "ratios": self.ratios,
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Vector]) -> Residuals | None:
        """What `arrays` gave; None where a file has none of them."""
        if "ratios" not in arrays:
            return None
        level = float(arrays["level"][0])
        return cls(level, arrays["knots"], arrays["spreads"], arrays["ratios"])
