"""Begin a training with the weights of an earlier one."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from tasks.models.stored import WEIGHTS, holding, tensors_of


def begin_from(module: nn.Module, files: Mapping[str, bytes] | None) -> None:
    """Give a network the weights of an earlier one, and what it learned beside them.

    What is learned of the new rows before training is learned after this.

    Args:
        module: the network.
        files: of the earlier model (`Conditions.start`); None to leave the weights as they are.

    Raises:
        ModelError: the files do not hold weights of this network.
    """
    if files is None:
        return
    with holding("the weights of an earlier model of the same configuration, to begin with"):
        module.load_state_dict(tensors_of(files[WEIGHTS]))
