"""A decision tree: a handful of yes-or-no questions that a person can read.

Grown level by level, so that one that is cut at any level is a tree as well; the level with the
best stop metric is kept.

Source: Breiman, Friedman, Olshen & Stone 1984, Classification and Regression Trees.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import safetensors.numpy
from pydantic import TypeAdapter

from tasks.models.base import Conditions, Epoch, Fitted, History, Matrix, Rows, Target
from tasks.models.outcomes import odds_of_others, share_of_classes
from tasks.models.stopping import stop_metric
from tasks.models.stored import WEIGHTS, arrays_of, holding
from tasks.models.tree_config import TreeConfig
from tasks.models.tree_growing import grow
from tasks.models.tree_nodes import Floats, Nodes

_LEAST_CHANCE = 1e-6
_ARRAYS = ("columns", "cuts", "missing_left", "children", "values")


@dataclass(frozen=True, slots=True)
class TreeScorer:
    """Questions and, at every node, what its training rows were.

    Args:
        nodes: the questions; `values` of a binary target or of classes are margins: log-odds, or
            logarithms of chances.
        levels: questions that a row is asked at most.
        target: what the values stand for.
    """

    nodes: Nodes
    levels: int
    target: Target

    def score(self, table: Matrix) -> Matrix:
        margins = self.nodes.values[self.nodes.walk(table, self.levels)[-1]]
        return self._scores(margins).astype(np.float32)

    def outputs(self, table: Matrix) -> Matrix:
        margins = self.nodes.values[self.nodes.walk(table, self.levels)[-1]]
        return np.asarray(margins - np.logaddexp.reduce(margins, axis=1, keepdims=True), np.float32)

    def explain(self, table: Matrix) -> Matrix:
        """What each question changed, added up by the feature it asks for.

        Source: Saabas 2014, "Interpreting random forests".
        """
        values, path = self.nodes.values, self.nodes.walk(table, self.levels)
        shares = np.zeros((len(table), values.shape[1], table.shape[1] + 1))
        shares[:, :, -1] = values[0]
        rows = np.arange(len(table))
        for before, after in itertools.pairwise(path):
            moved = before != after
            at = rows[moved], slice(None), self.nodes.columns[before[moved]]
            shares[at] += values[after[moved]] - values[before[moved]]
        if self.target.kind == "classes":
            return share_of_classes(shares, self.target.normal).astype(np.float32)
        return shares[:, 0].astype(np.float32)

    def save(self) -> Mapping[str, bytes]:
        arrays = {name: getattr(self.nodes, name) for name in _ARRAYS}
        arrays["levels"] = np.array([self.levels])
        arrays["target"] = np.frombuffer(TypeAdapter(Target).dump_json(self.target), np.uint8)
        return {WEIGHTS: safetensors.numpy.save(arrays)}

    def _scores(self, margins: Floats) -> Floats:
        if self.target.kind == "classes":
            return odds_of_others(margins, self.target.normal)
        return margins[:, 0]


def load_tree(_: TreeConfig, files: Mapping[str, bytes]) -> TreeScorer:
    """Rebuild a tree.

    Raises:
        ModelError: the file holds none.
    """
    with holding("the nodes of a decision tree"):
        arrays = arrays_of(files[WEIGHTS])
        nodes = Nodes(*(arrays[name] for name in _ARRAYS))
        target = TypeAdapter(Target).validate_json(arrays["target"].tobytes())
        nodes.check(target.outputs)
        levels = int(arrays["levels"][0])
        if not 0 <= levels <= len(nodes.columns):
            raise ValueError(f"{levels} levels of {len(nodes.columns)} nodes")
    return TreeScorer(nodes, levels, target)


def fit_tree(config: TreeConfig, fit: Rows, stop: Rows, _: Conditions) -> Fitted:
    """Grow a tree, and keep as many levels as have the best stop metric; nothing is drawn."""
    wanted = _wanted(fit)
    grown, counts = grow(fit.table, wanted, config)
    nodes = replace(grown, values=_margins(grown.values, counts, fit.target))
    leaves = grown.walk(fit.table, config.depth)[1:]
    epochs = tuple(
        Epoch(
            level,
            float(((wanted - grown.values[leaf]) ** 2).sum(axis=1).mean()),
            stop_metric(TreeScorer(nodes, level, fit.target), stop),
        )
        for level, leaf in enumerate(leaves, start=1)
    )
    kept = 1 + int(np.argmax([epoch.stop_metric for epoch in epochs]))
    ended = f"all {config.depth} levels; kept {kept}"
    return Fitted(TreeScorer(nodes, kept, fit.target), History(epochs, kept, ended))


def _wanted(fit: Rows) -> Floats:
    """(n_rows, n_outputs): 0 or 1 of each class or of what is looked for, or the value."""
    if fit.target.kind == "classes":
        return np.asarray(fit.labels[:, None] == np.arange(fit.target.outputs), np.float64)
    return fit.labels.astype(np.float64)[:, None]


def _margins(means: Floats, counts: Floats, target: Target) -> Floats:
    """Log-odds, or logarithms of chances, as if each node had one more row like all rows."""
    if target.kind == "value":
        return means
    usual = np.clip(means[0], _LEAST_CHANCE, 1 - _LEAST_CHANCE)
    chances = (means * counts[:, None] + usual) / (counts[:, None] + 1)
    others = 1.0 if target.kind == "classes" else 1 - chances
    return np.asarray(np.log(chances / others), np.float64)
