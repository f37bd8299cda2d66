"""Predicted values with their intervals, as columns of the scores."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.models.base import Vector
from tasks.models.calibration import Calibration

INTERVAL = ("interval_low", "interval_high", "interval_level")


def with_intervals(judged: pl.DataFrame, calibration: Calibration) -> pl.DataFrame:
    """Add both ends of each predicted value's interval, and its level.

    All three are null where scores are no values, and an end where the calibration part has too few
    rows to tell it. A value has no q-value: nothing says which values are ordinary.

    Args:
        judged: `score` and `q_value`.
        calibration: of the model that scored.
    """
    residuals = calibration.residuals
    if residuals is None:
        return judged.with_columns(pl.lit(None, pl.Float64).alias(name) for name in INTERVAL)
    low, high = residuals.interval(judged["score"].to_numpy())
    return judged.with_columns(
        _finite(INTERVAL[0], low),
        _finite(INTERVAL[1], high),
        pl.lit(residuals.level).alias(INTERVAL[2]),
        q_value=pl.lit(None, pl.Float64),
    )


def unit_of(calibration: Calibration) -> float:
    """What differences of scores are large or small by: of values their spread, of log-odds 1."""
    if calibration.residuals is None:
        return 1.0
    return float(np.std(calibration.negatives)) or 1.0


def _finite(name: str, ends: Vector) -> pl.Series:
    return pl.Series(name, np.where(np.isfinite(ends), ends, np.nan)).fill_nan(None)
