"""A decision tree as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.models.base import Matrix

LEAF = -1
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Nodes:
    """Nodes, (n_nodes,) each, the root first, parents before their children.

    Args:
        columns: what a node asks for.
        cuts: rows with less go left.
        missing_left: 1 where rows without a value go left.
        children: the left one, the right one being next to it; -1 of a leaf.
        values: (n_nodes, n_outputs), what is said of the rows of a node.
    """

    columns: Integers
    cuts: npt.NDArray[np.float32]
    missing_left: npt.NDArray[np.uint8]
    children: Integers
    values: Floats

    def walk(self, table: Matrix, levels: int) -> list[Integers]:
        """The node (n_rows,) of each row after 0, 1 … `levels` questions."""
        node, rows = np.zeros(len(table), np.int64), np.arange(len(table))
        path = [node]
        for _ in range(levels):
            values = table[rows, self.columns[node]]
            left = np.where(
                np.isfinite(values), values < self.cuts[node], self.missing_left[node] == 1
            )
            below = self.children[node] + ~left
            node = np.where(self.children[node] == LEAF, node, below)
            path.append(node)
        return path

    def check(self, outputs: int) -> None:
        """Hold that a walk stays within the tree and comes to an end.

        Raises:
            ValueError: it does not.
        """
        count = len(self.columns)
        arrays = (self.cuts, self.missing_left, self.children)
        if not count or any(len(each) != count for each in arrays):
            raise ValueError("arrays of different lengths")
        if self.values.shape != (count, outputs):
            raise ValueError(f"values of shape {self.values.shape}")
        inner = np.flatnonzero(self.children != LEAF)
        left = self.children[inner]
        if (left <= inner).any() or (left + 1 >= count).any() or (self.columns < 0).any():
            raise ValueError("children or columns that are not there")
