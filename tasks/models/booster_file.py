"""Read the trees of an XGBoost model from bytes that nobody vouches for.

XGBoost follows the children and the columns that a file names without a look at them: one that is
not there ends the process, and a circle never ends. So trees are walked here before it has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost

from tasks.core.errors import ModelError, in_one_line
from tasks.models.ubjson import read_ubjson

_LEAF = -1
_BY_NODE = ("base_weights", "left_children", "right_children", "split_conditions")
_COLUMNS, _KINDS = "split_indices", "split_type"


def read_booster(content: bytes, where: str) -> xgboost.Booster:
    """Rebuild trees.

    Args:
        content: as `Booster.save_raw("ubj")` gives them.
        where: the file, for the message.

    Raises:
        ModelError: the bytes hold no trees, or such as cannot be walked.
    """
    try:
        check_trees(read_ubjson(content)["learner"])
        booster = xgboost.Booster()
        booster.load_model(bytearray(content))
    except (xgboost.core.XGBoostError, LookupError, TypeError, ValueError) as error:
        raise ModelError(
            "the trees of an XGBoost model",
            found=in_one_line(error),
            where=where,
            do="Train the pipeline again.",
        ) from error
    return booster


def check_trees(learner: Mapping[str, Any]) -> None:
    """Hold that every tree can be walked, and that trees, outputs and rounds fit each other.

    Args:
        learner: what a model file has of that name.

    Raises:
        KeyError: something is missing.
        TypeError: something is of another kind.
        ValueError: they do not, with the tree.
    """
    shape = learner["learner_model_param"]
    columns, outputs = int(shape["num_feature"]), max(int(shape["num_class"]), 1)
    if learner["gradient_booster"]["name"] != "gbtree" or int(shape["num_target"]) != 1:
        raise ValueError("boosted trees of one target are read, and nothing else")
    model = learner["gradient_booster"]["model"]
    trees, of_output = model["trees"], np.asarray(model["tree_info"], np.int64)
    rounds = np.asarray(model["iteration_indptr"], np.int64)
    if len(of_output) != len(trees) or not ((of_output >= 0) & (of_output < outputs)).all():
        raise ValueError(f"{len(trees)} trees for {outputs} outputs do not fit each other")
    if rounds[0] != 0 or rounds[-1] != len(trees) or (np.diff(rounds) < 0).any():
        raise ValueError(f"rounds that do not have the {len(trees)} trees in turn")
    for number, tree in enumerate(trees):
        _check_tree(tree, columns, f"tree {number}")


def _check_tree(tree: Mapping[str, Any], columns: int, named: str) -> None:
    shape, arrays = tree["tree_param"], {name: np.asarray(tree[name]) for name in _BY_NODE}
    count = int(shape["num_nodes"])
    split_on, kinds = (np.asarray(tree[name], np.int64) for name in (_COLUMNS, _KINDS))
    lengths = {len(each) for each in (*arrays.values(), split_on, kinds)}
    if count < 1 or lengths != {count} or int(shape["size_leaf_vector"]) > 1:
        raise ValueError(f"{named}: arrays of {sorted(lengths)} for {count} nodes")
    if kinds.any() or len(tree["categories"]):
        raise ValueError(f"{named}: splits by category, which are not made here")
    if np.isnan(arrays["split_conditions"].astype(np.float64)).any():
        raise ValueError(f"{named}: a cut or a leaf that is no number")
    left, right = (arrays[name].astype(np.int64) for name in ("left_children", "right_children"))
    _check_walk(left, right, split_on, columns, named)


def _check_walk(
    left: npt.NDArray[np.int64],
    right: npt.NDArray[np.int64],
    split_on: npt.NDArray[np.int64],
    columns: int,
    named: str,
) -> None:
    """Go down all branches at once: they come to an end, and all that is asked for is there."""
    nodes, met = np.zeros(1, np.int64), 0
    while len(nodes):
        met += len(nodes)
        inner = nodes[left[nodes] != _LEAF]
        asked = split_on[inner]
        nodes = np.concatenate([left[inner], right[inner]])
        is_there = (nodes > 0) & (nodes < len(left))
        if met > len(left) or not is_there.all() or not ((asked >= 0) & (asked < columns)).all():
            raise ValueError(f"{named}: a child or a column that is not there, or a circle")
