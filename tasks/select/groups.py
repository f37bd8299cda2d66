"""Which candidates say the same: groups of features whose ranks are correlated."""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from tasks.select.problem import Positions
from tasks.select.target import Floats
from tasks.select.trees import Table


def group_correlated(table: Table, least: float) -> Positions:
    """Number the features by group: within one, all pairs are correlated by `least` or more.

    Args:
        table: (n_rows, n_features), NaN where missing; it counts as the median.
        least: absolute value of Spearman's rank correlation.

    Returns:
        (n_features,), from 0, in the order of each group's first feature.
    """
    features = table.shape[1]
    if features < 2 or len(table) < 3:
        return np.arange(features)
    near = correlations(table)
    distances = squareform(np.clip(1 - near, 0, 1), checks=False)
    # Complete linkage: a chain of neighbours does not make its ends one group.
    found = fcluster(linkage(distances, "complete"), 1 - least + 1e-9, "distance")
    _, first, places = np.unique(found, return_index=True, return_inverse=True)
    groups: Positions = np.argsort(np.argsort(first))[places]
    return groups


def correlations(table: Table) -> Floats:
    """Absolute rank correlations (n_features, n_features); 0 with a feature that never varies."""
    ranks = np.column_stack([rankdata(_filled(column)) for column in table.T])
    ranks -= ranks.mean(axis=0)
    spread = np.sqrt((ranks**2).sum(axis=0))
    ranks /= np.where(spread > 0, spread, np.inf)
    near: Floats = np.abs(ranks.T @ ranks)
    np.fill_diagonal(near, 1.0)
    return np.round(near, 12)


def _filled(column: Table) -> Floats:
    gaps = np.isnan(column)
    middle = np.median(column[~gaps].astype(np.float64)) if not gaps.all() else 0.0
    filled: Floats = np.where(gaps, middle, column.astype(np.float64))
    return filled
