"""Measures of predicted values."""

from __future__ import annotations

import numpy as np

from tasks.models.metrics import Array


def value_metrics(labels: Array, values: Array, weights: Array | None = None) -> dict[str, float]:
    """Root mean squared error, mean absolute error, and R²; R² is NaN where labels do not differ.

    Args:
        labels: (n_rows,), at least one.
        values: (n_rows,).
        weights: (n_rows,) or None.
    """
    errors = values - labels
    square = float(np.average(errors**2, weights=weights))
    middle = np.average(labels, weights=weights)
    spread = float(np.average((labels - middle) ** 2, weights=weights))
    return {
        "rmse": square**0.5,
        "mae": float(np.average(np.abs(errors), weights=weights)),
        "r2": 1 - square / spread if spread else float("nan"),
    }
