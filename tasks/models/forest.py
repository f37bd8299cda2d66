"""The isolation forest behind the protocol, with exact contributions.

The score is the binary logarithm of the published one: minus the mean steps until a row is alone,
in units of the usual steps; -1 as most rows, 0 at once.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import safetensors.numpy

from tasks.models.anomaly_config import IsolationConfig
from tasks.models.base import AT_ONCE, Conditions, Fitted, Matrix, Rows
from tasks.models.isolation import IsolationForest, Table, grow
from tasks.models.normals import usual_rows
from tasks.models.stored import WEIGHTS, arrays_of, holding

_EXPECTED_ROWS = 10_000  # rows that tell what is expected at a node
_CHUNK_ROWS = 4096


class IsolationScorer:
    """A forest behind the protocol of `tasks.models.base.Scorer`.

    Args:
        forest: the trees.
        expected: mean steps of the usual rows that come through a node, inner nodes before leaves
            (n_trees, n_nodes).
        middle: what stands for a missing value (n_features,).
    """

    def __init__(self, forest: IsolationForest, expected: Table, middle: Table) -> None:
        self._forest, self._expected, self._middle = forest, expected, middle

    def score(self, table: Matrix) -> Matrix:
        return np.log2(self._forest.score(_filled(table, self._middle))).astype(np.float32)

    def explain(self, table: Matrix) -> Matrix:
        """What each cut on a row's way changes in the expected steps goes to the cut's column.

        Source: Saabas 2014, Interpreting random forests.
        """
        values = _filled(table, self._middle)
        starts = range(0, len(table), _CHUNK_ROWS)
        parts = [self._explain(values[start : start + _CHUNK_ROWS]) for start in starts]
        empty = np.empty((0, table.shape[1] + 1), np.float32)
        return np.concatenate([empty, *parts]).astype(np.float32)

    def _explain(self, values: Table) -> Table:
        shares = np.zeros((len(values), values.shape[1] + 1))
        shares[:, -1] = self._expected[:, 0].sum()
        rows = np.arange(len(values))
        for tree, expected in enumerate(self._expected):
            before = np.zeros(len(values), np.int32)
            for after, column in self._forest.walk(values, tree):
                np.add.at(shares, (rows, column), expected[after] - expected[before])
                before = after
        return shares / (-self._forest.usual * len(self._expected))

    def save(self) -> Mapping[str, bytes]:
        arrays = safetensors.numpy.load(self._forest.save())
        more = {"expected": self._expected, "middle": self._middle}
        return {WEIGHTS: safetensors.numpy.save({**arrays, **more})}


def fit_isolation(
    config: IsolationConfig, fit: Rows, _stop: Rows, conditions: Conditions
) -> Fitted:
    """Grow a forest on the usual rows."""
    table, _ = usual_rows(fit, config.train_on)
    known = np.where(np.isfinite(table), table, np.nan)
    some = ~np.isnan(known).all(axis=0)
    middle = np.zeros(table.shape[1])
    middle[some] = np.nanmedian(known[:, some], axis=0)
    values = _filled(table, middle)
    forest = grow(values, config.trees, config.sample, conditions.seed)
    return Fitted(IsolationScorer(forest, _expected(forest, values), middle), AT_ONCE)


def load_isolation(_config: IsolationConfig, files: Mapping[str, bytes]) -> IsolationScorer:
    """Rebuild the forest.

    Raises:
        ModelError: the file does not hold one.
    """
    with holding("an isolation forest and what is expected at its nodes"):
        forest = IsolationForest.load(files[WEIGHTS])
        arrays = arrays_of(files[WEIGHTS])
        expected, middle = arrays["expected"], arrays["middle"]
        trees, inner = forest.cuts.shape
        if expected.shape != (trees, 2 * inner + 1) or forest.columns.max() >= len(middle):
            raise ValueError(f"{expected.shape} nodes over {middle.shape} columns")
        return IsolationScorer(forest, expected, middle)


def _filled(table: Matrix, middle: Table) -> Table:
    return np.where(np.isfinite(table), table, middle).astype(np.float64)


def _expected(forest: IsolationForest, values: Table) -> Table:
    """Mean steps at each node, of some rows; where none comes through, of its leaves."""
    values = values[:: -(-len(values) // _EXPECTED_ROWS)]
    trees, leaves = forest.lengths.shape
    counts = np.full((trees, leaves), 1e-6)
    for tree in range(trees):
        *_, (nodes, _) = forest.walk(values, tree)
        counts[tree] += np.bincount(nodes - (leaves - 1), minlength=leaves)
    levels = [(counts, counts * forest.lengths)]
    while levels[0][0].shape[1] > 1:
        levels.insert(0, tuple(each.reshape(trees, -1, 2).sum(axis=2) for each in levels[0]))
    return np.concatenate([steps / rows for rows, steps in levels], axis=1)
