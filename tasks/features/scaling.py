"""Features on one scale: less their mean, in deviations; a missing value is as the mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def learn(matrix: Matrix) -> tuple[Matrix, Matrix]:
    """Mean and deviation of each column, NaN left out; a column that is constant has one of 1.

    Args:
        matrix: (n_rows, n_features).

    Returns:
        Two of (n_features,), all finite.
    """
    there = ~np.isnan(matrix)
    count = np.maximum(there.sum(axis=0), 1)
    mean: Matrix = np.where(there, matrix, 0.0).sum(axis=0) / count
    squares = np.where(there, matrix - mean, 0.0) ** 2
    deviation: Matrix = np.sqrt(squares.sum(axis=0) / count)
    return mean, np.where(deviation > 0, deviation, 1.0)


def scale(matrix: Matrix, mean: Matrix, deviation: Matrix) -> Matrix:
    """The columns on one scale, with nothing missing."""
    return np.nan_to_num((matrix - mean) / deviation)
