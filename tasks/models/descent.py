"""One step downhill: AdamW with decoupled decay, penalties of the weights, a clipped gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tasks.models.training_config import NetworkTraining


class Descent:
    """The optimiser of a network's parameters that require a gradient.

    Biases and the factors of norms (parameters of one dimension) are neither decayed nor penalised.

    Args:
        module: the network.
        config: `learning_rate`, `weight_decay`, `l1`, `l2` and `gradient_clip`.

    Source: Loshchilov & Hutter 2019, arXiv:1711.05101.
    """

    def __init__(self, module: nn.Module, config: NetworkTraining) -> None:
        self.config = config
        named = [(name, each) for name, each in module.named_parameters() if each.requires_grad]
        self.parameters = [each for _, each in named]
        self.weights = [each for name, each in named if "bias" not in name and each.ndim > 1]
        weights = {id(each) for each in self.weights}
        groups = [
            {"params": self.weights, "weight_decay": config.weight_decay},
            {"params": [p for p in self.parameters if id(p) not in weights], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)

    def wake(self) -> None:
        """Have the parameters require gradients again, which scoring has ended."""
        for parameter in self.parameters:
            parameter.requires_grad_(True)

    def step(self, loss: Tensor, factor: float) -> None:
        """Go down the gradient of a loss, at a factor of the peak learning rate."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._penalise()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.config.gradient_clip)
        self._go(factor)

    def step_by(self, factor: float) -> None:
        """Go down gradients that are given and have been clipped."""
        self._penalise()
        self._go(factor)

    def _go(self, factor: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * factor
        self.optimizer.step()

    def save(self) -> dict[str, Tensor]:
        """The optimiser's moments by parameter and name."""
        states = self.optimizer.state_dict()["state"]
        return {
            f"{number}.{name}": value
            for number, state in states.items()
            for name, value in state.items()
        }

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on with what `save` gave.

        The fused optimiser goes along a parameter and its moments in memory: they have to lie there
        in the same order, which a file does not keep.
        """
        of_groups = [each for group in self.optimizer.param_groups for each in group["params"]]
        states: dict[int, dict[str, Any]] = {}
        for name, value in tensors.items():
            number, _, member = name.partition(".")
            like = of_groups[int(number)]
            if value.shape == like.shape:
                value = torch.empty_like(like, dtype=value.dtype).copy_(value)
            states.setdefault(int(number), {})[member] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": states, "param_groups": groups})

    @torch.no_grad()
    def _penalise(self) -> None:
        """Add the gradients of the penalties: of |w| its sign, of w²/2 itself."""
        for weight in self.weights if self.config.l1 or self.config.l2 else ():
            if weight.grad is not None:
                weight.grad.add_(torch.sign(weight), alpha=self.config.l1)
                weight.grad.add_(weight, alpha=self.config.l2)
