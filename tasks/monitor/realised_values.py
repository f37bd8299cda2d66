"""What a night's predicted values turned out to be worth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.models.metrics import bootstrap
from tasks.models.value_metrics import value_metrics

_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class ValueQuality:
    """Predicted values against true ones, as far as these are known; None where none is.

    Args:
        rmse: root of the mean squared error.
        mae: mean absolute error.
        r2: share of the variance explained; None where true values do not differ.
        fallback_rmse: of XGBoost on the same events.
        coverage: share of true values within their intervals.
        mean_value: mean true value.
        value_of_alerts: of the alerts; None without one.
        challenger_rmse: the error of the challenger's scores in the shadow.
        interval: 95% bootstrap interval of the error, over all nights only.
        fallback_interval: the same of XGBoost.
    """

    rmse: float | None = None
    mae: float | None = None
    r2: float | None = None
    fallback_rmse: float | None = None
    coverage: float | None = None
    mean_value: float | None = None
    value_of_alerts: float | None = None
    challenger_rmse: float | None = None
    interval: tuple[float, float] | None = None
    fallback_interval: tuple[float, float] | None = None

    @property
    def gain(self) -> float | None:
        """What the challenger's squared error is less by, as a share of both, from -1 to 1."""
        if self.rmse is None or self.challenger_rmse is None:
            return None
        theirs, ours = self.rmse**2, self.challenger_rmse**2
        return (theirs - ours) / (theirs + ours) if theirs + ours else 0.0


def value_quality(known: pl.DataFrame, seed: int | None = None) -> ValueQuality:
    """Measure the scored events whose true value is known.

    Args:
        known: `label`, `score`, `fallback_score`, `decision`, `interval_low`, `interval_high`.
        seed: of a bootstrap; None for none.
    """
    if known.is_empty():
        return ValueQuality()
    measures, interval = _measured(known, "score", seed)
    beside, beside_interval = _measured(known, "fallback_score", seed)
    alerts = known.filter(pl.col("decision") == "alert")["label"]
    with_ends = known.drop_nulls(["interval_low", "interval_high"])
    inside = with_ends["label"].is_between(with_ends["interval_low"], with_ends["interval_high"])
    held = inside.to_numpy()
    r2 = measures["r2"]
    return ValueQuality(
        rmse=measures["rmse"],
        mae=measures["mae"],
        r2=None if np.isnan(r2) else r2,
        fallback_rmse=beside.get("rmse"),
        challenger_rmse=_measured(known, "challenger_score", None)[0].get("rmse"),
        coverage=float(held.mean()) if len(held) else None,
        mean_value=float(known["label"].to_numpy().mean()),
        value_of_alerts=float(alerts.to_numpy().mean()) if len(alerts) else None,
        interval=interval,
        fallback_interval=beside_interval,
    )


def _measured(
    known: pl.DataFrame, column: str, seed: int | None
) -> tuple[dict[str, float], tuple[float, float] | None]:
    """The measures of one column of predictions, and the interval of its error."""
    rows = known.drop_nulls(column) if column in known else known.clear()
    if rows.is_empty():
        return {}, None
    labels, values = rows["label"].to_numpy(), rows[column].to_numpy()
    found = value_metrics(labels, values)
    if seed is None:
        return found, None
    squares = (values - labels) ** 2

    def resampled(weights: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
        return math.sqrt(float(np.average(squares, weights=weights)))

    return found, bootstrap(resampled, rows.height, _ROUNDS, seed)
