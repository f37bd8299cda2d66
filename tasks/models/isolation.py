"""An isolation forest: rows that random cuts soon set apart are outliers.

Trees are complete binary trees in arrays, so that a forest is three tensors in safetensors, and all
rows walk down all trees step by step together.

Source: Liu, Ting & Zhou 2008, doi:10.1109/ICDM.2008.17.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from tasks.models.base import Vector
from tasks.models.stored import arrays_of, holding

Table = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int32]

_EULER = 0.5772156649015329
_CHUNK_ROWS = 4096  # keeps a chunk's positions in all trees within the processor's cache


@dataclass(frozen=True, slots=True)
class IsolationForest:
    """Trees with all their leaves on one level.

    Args:
        columns: the column each inner node cuts (n_trees, 2 ** depth - 1).
        cuts: rows whose value is below go left (n_trees, 2 ** depth - 1); infinite where a branch
            ended higher up, so that its rows go on to the left.
        lengths: steps until a row was alone, by leaf (n_trees, 2 ** depth).
        usual: steps in a tree over as many rows without structure.
    """

    columns: Integers
    cuts: Table
    lengths: Table
    usual: float

    def score(self, table: Table) -> Vector:
        """How soon rows are set apart.

        Args:
            table: (n_rows, n_columns), without missing values.

        Returns:
            (n_rows,) in 0 to 1; about 0.5 where nothing stands out.
        """
        parts = [
            self._lengths(table[start : start + _CHUNK_ROWS])
            for start in range(0, len(table), _CHUNK_ROWS)
        ]
        mean = np.concatenate([np.empty(0), *parts])
        return np.asarray(2.0 ** (-mean / self.usual), np.float64)

    def walk(self, table: Table, tree: int) -> Iterator[tuple[Integers, Integers]]:
        """Lead rows down a tree: for each step the nodes they come to, and the columns that led.

        Args:
            table: as for `score`.
            tree: which tree.

        Yields:
            Nodes and columns (n_rows,), inner nodes numbered before leaves.
        """
        columns, cuts = self.columns[tree], self.cuts[tree]
        rows = np.arange(len(table))
        node = np.zeros(len(table), np.int32)
        for _ in range(_level(len(cuts))):
            column = columns[node]
            node = 2 * node + 1 + (table[rows, column] >= cuts[node])
            yield node, column

    def _lengths(self, table: Table) -> Vector:
        total = np.zeros(len(table))
        for tree, lengths in enumerate(self.lengths):
            *_, (leaf, _) = self.walk(table, tree)
            total += lengths[leaf - self.cuts.shape[1]]
        return total / len(self.cuts)

    def save(self) -> bytes:
        """The forest as safetensors."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "columns": self.columns,
            "cuts": self.cuts,
            "lengths": self.lengths,
            "usual": np.array([self.usual]),
        }
        return safetensors.numpy.save(arrays)

    @classmethod
    def load(cls, content: bytes) -> IsolationForest:
        """Read what `save` wrote.

        Raises:
            ModelError: the bytes are no forest.
        """
        with holding("an isolation forest"):
            arrays = arrays_of(content)
            usual = float(arrays["usual"][0])
            forest = cls(arrays["columns"], arrays["cuts"], arrays["lengths"], usual)
            trees, inner = forest.cuts.shape
            whole = inner > 0 and (inner + 1) & inner == 0
            shapes = forest.columns.shape, forest.lengths.shape
            if not trees or not whole or shapes != ((trees, inner), (trees, inner + 1)):
                raise ValueError(f"{trees} trees of {inner} inner nodes, {shapes}")
            if not usual > 0 or (forest.columns < 0).any():
                raise ValueError("columns or usual steps below 0")
            return forest


def grow(table: Table, trees: int, sample: int, seed: int) -> IsolationForest:
    """Grow a forest.

    Args:
        table: (n_rows, n_columns), without missing values.
        trees: how many.
        sample: rows that each tree is grown on, all of them where there are fewer.
        seed: of the samples and the cuts.
    """
    generator = np.random.default_rng(seed)
    size = min(sample, len(table))
    depth = max(1, math.ceil(math.log2(max(size, 2))))
    inner = 2**depth - 1
    forest = IsolationForest(
        np.zeros((trees, inner), np.int32),
        np.full((trees, inner), np.inf),
        np.zeros((trees, inner + 1)),
        _usual(size) or 1.0,
    )
    for tree in range(trees):
        rows = table[np.sort(generator.choice(len(table), size, replace=False))]
        _cut(forest, tree, 0, rows, generator)
    return forest


def _cut(
    forest: IsolationForest, tree: int, node: int, rows: Table, generator: np.random.Generator
) -> None:
    """Cut a node at random, and what it is cut into, down to the leaves."""
    inner = forest.cuts.shape[1]
    level = _level(node)
    spread = np.flatnonzero(rows.min(0) < rows.max(0)) if len(rows) > 1 else ()
    if node >= inner or not len(spread):
        # A branch that ends here is one run of leaves on the last level.
        steps = level + _usual(len(rows))
        height = _level(inner) - level
        first = (node + 1) * 2**height - 1 - inner
        forest.lengths[tree, first : first + 2**height] = steps
        return
    column = int(generator.choice(spread))
    low, high = rows[:, column].min(), rows[:, column].max()
    cut = np.nextafter(low, high) if (drawn := generator.uniform(low, high)) <= low else drawn
    forest.columns[tree, node], forest.cuts[tree, node] = column, cut
    right = rows[:, column] >= cut
    _cut(forest, tree, 2 * node + 1, rows[~right], generator)
    _cut(forest, tree, 2 * node + 2, rows[right], generator)


def _level(node: int) -> int:
    """The level of a node, the root's being 0."""
    return (node + 1).bit_length() - 1


def _usual(rows: int) -> float:
    """Mean steps of a search in a random binary tree over so many rows."""
    if rows <= 1:
        return 0.0
    if rows == 2:
        return 1.0
    return 2.0 * (math.log(rows - 1) + _EULER) - 2.0 * (rows - 1) / rows
