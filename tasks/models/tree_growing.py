"""Grow a decision tree: at each node the cut that leaves the least variance within its sides.

Of 0 and 1 the variance is half of Gini's impurity, so that numbers, two classes and many classes
are one case.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.models.base import Matrix
from tasks.models.tree_config import TreeConfig
from tasks.models.tree_nodes import LEAF, Floats, Nodes

_LEAST_GAIN = 1e-9  # share of the whole variance; below it is rounding


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where a node is cut best: rows of bins up to `bin` go left."""

    gain: float
    column: int
    bin: int
    missing_left: bool


@dataclass(frozen=True, slots=True)
class _Binned:
    """A table by bins.

    Args:
        edges: of each column, rising.
        codes: (n_features, n_rows): how many edges are not above the value; where it is missing
            one more than there are edges.
        wanted: (n_rows, n_outputs).
    """

    edges: list[npt.NDArray[np.float32]]
    codes: npt.NDArray[np.uint16]
    wanted: Floats

    def take(self, rows: npt.NDArray[np.intp]) -> _Binned:
        """Some of the rows."""
        return _Binned(self.edges, self.codes[:, rows], self.wanted[rows])


def grow(table: Matrix, wanted: Floats, config: TreeConfig) -> tuple[Nodes, Floats]:
    """Grow a tree.

    Args:
        table: (n_rows, n_features); what is not finite counts as missing.
        wanted: (n_rows, n_outputs), what the leaves are to be the means of.
        config: `depth`, `least_rows` and `max_bin`.

    Returns:
        The tree, whose values are means of what was wanted, and each node's rows (n_nodes,).
    """
    edges = [_edges(column, config.max_bin) for column in table.T]
    codes = np.stack([_codes(column, its) for column, its in zip(table.T, edges, strict=True)])
    binned = _Binned(edges, codes, wanted)
    least = _LEAST_GAIN * float(((wanted - wanted.mean(axis=0)) ** 2).sum())
    cuts: list[_Cut | None] = []
    children, means, counts = list[int](), list[Floats](), list[int]()
    waiting = [(binned, 0)]
    while len(cuts) < len(waiting):
        node = len(cuts)
        here, level = waiting[node]
        cut = _best_cut(here, config.least_rows) if level < config.depth else None
        cut = cut if cut is not None and cut.gain > least else None
        cuts.append(cut)
        means.append(here.wanted.mean(axis=0))
        counts.append(len(here.wanted))
        children.append(LEAF if cut is None else len(waiting))
        if cut is not None:
            left = _goes_left(here, cut)
            waiting += [(here.take(np.flatnonzero(side)), level + 1) for side in (left, ~left)]
        waiting[node] = (here.take(np.empty(0, np.intp)), level)  # frees the rows
    return _nodes(cuts, children, means, edges), np.array(counts, np.float64)


def _nodes(
    cuts: list[_Cut | None],
    children: list[int],
    means: list[Floats],
    edges: list[npt.NDArray[np.float32]],
) -> Nodes:
    asked = [(0, 0.0, 0) if c is None else _question(c, edges[c.column]) for c in cuts]
    columns, values, missing = zip(*asked, strict=True)
    return Nodes(
        np.array(columns, np.int64),
        np.array(values, np.float32),
        np.array(missing, np.uint8),
        np.array(children, np.int64),
        np.array(means, np.float64),
    )


def _question(cut: _Cut, edges: npt.NDArray[np.float32]) -> tuple[int, float, int]:
    """Column, value below which a row goes left, and whether it does where there is none.

    Past the last edge every row with a value goes left: what is asked is whether there is one.
    """
    value = float(edges[cut.bin]) if cut.bin < len(edges) else np.inf
    return cut.column, value, int(cut.missing_left)


def _goes_left(binned: _Binned, cut: _Cut) -> npt.NDArray[np.bool_]:
    codes, gap = binned.codes[cut.column], len(binned.edges[cut.column]) + 1
    return np.asarray(np.where(codes == gap, cut.missing_left, codes <= cut.bin), np.bool_)


def _best_cut(binned: _Binned, least_rows: int) -> _Cut | None:
    """The cut that gains most, the first of equals; None where no side would have enough rows."""
    found = [
        _cut_column(binned, column, least_rows)
        for column in range(len(binned.edges))
        if len(binned.wanted) >= 2 * least_rows
    ]
    return max((cut for cut in found if cut), key=lambda cut: cut.gain, default=None)


def _cut_column(binned: _Binned, column: int, least_rows: int) -> _Cut | None:
    """The best cut of one column: at each edge, with missing values on either side."""
    codes, bins = binned.codes[column], len(binned.edges[column]) + 2
    counts = np.bincount(codes, minlength=bins).astype(np.float64)
    if counts.max() == len(codes):
        return None
    sums = np.stack([np.bincount(codes, each, bins) for each in binned.wanted.T], axis=1)
    below = np.cumsum(counts[:-1]), np.cumsum(sums[:-1], axis=0)
    best: _Cut | None = None
    for missing_left in (False, True):
        count, total = below[0] + counts[-1] * missing_left, below[1] + sums[-1] * missing_left
        gains = _gains(count, total, counts.sum(), sums.sum(axis=0), least_rows)
        place = int(gains.argmax())
        if np.isfinite(gains[place]) and (best is None or gains[place] > best.gain):
            best = _Cut(float(gains[place]), column, place, missing_left)
    return best


def _gains(count: Floats, total: Floats, rows: float, whole: Floats, least: int) -> Floats:
    """How much of the squared error each cut takes away; minus infinity where a side is small.

    Args:
        count: (n_cuts,) rows on the left.
        total: (n_cuts, n_outputs) what was wanted of them, added up.
        rows: of both sides.
        whole: (n_outputs,) of both sides.
        least: rows of a side at least.
    """
    enough = (count >= least) & (rows - count >= least)
    right, left = np.maximum(rows - count, 1), np.maximum(count, 1)
    inside = (total**2).sum(axis=1) / left + ((whole - total) ** 2).sum(axis=1) / right
    return np.where(enough, inside - float((whole**2).sum()) / rows, -np.inf)


def _edges(column: Matrix, bins: int) -> npt.NDArray[np.float32]:
    """Values that a cut may lie at: quantiles, none of them the smallest value."""
    known = column[np.isfinite(column)]
    if not len(known):
        return np.empty(0, np.float32)
    found = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1), method="higher"))
    return np.asarray(found[1:], np.float32)


def _codes(column: Matrix, edges: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    known = np.isfinite(column)
    found = np.searchsorted(edges, np.where(known, column, 0), side="right")
    return np.where(known, found, len(edges) + 1).astype(np.uint16)
