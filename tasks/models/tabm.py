"""TabM: k perceptrons that share their weights but for small adapters of each.

Source: Gorishniy, Kotelnikov & Babenko 2024, arXiv:2410.24210.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn

from tasks.models.columns import Flat
from tasks.models.initial import normal, ones, turned, uniform, zeros
from tasks.models.inputs import Inputs
from tasks.models.tabm_config import TabMConfig


class TabM(nn.Module):
    """Codes → numbers of each head.

    The adapters are merged into the shared weights before they meet the rows, so that a layer is
    one (batched) matrix product: several times the speed of scaling the activations. Rows lie
    along the last dimension throughout, as in the codes: nothing is transposed on the way.

    Args:
        inputs: columns and outputs.
        config: `heads`, `width` and `layers`.
        generator: of the initial weights.

    Shape:
        (features, bins + 2, n) → (n, heads, outputs)
    """

    def __init__(self, inputs: Inputs, config: TabMConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.merged: list[Tensor] = []
        self.columns = Flat(range(inputs.features), config.bins, config.embedding, generator)
        heads, sizes = config.heads, [self.columns.width] + [config.width] * config.layers
        shapes = list(pairwise(sizes))
        self.heads, self.width, self.dropout = heads, config.width, nn.Dropout(config.dropout)
        self.weight = nn.ParameterList(turned(uniform((i, o), i, generator)) for i, o in shapes)
        self.weight_in = nn.ParameterList(
            normal((heads, 1, i), 1.0, generator) if layer == 0 else ones((heads, 1, i))
            for layer, (i, _) in enumerate(shapes)
        )
        self.weight_out = nn.ParameterList(ones((heads, o, 1)) for _, o in shapes)
        self.bias = nn.ParameterList(
            nn.Parameter(uniform((1, o, 1), i, generator).detach().repeat(heads, 1, 1))
            for i, o in shapes
        )
        outputs = inputs.target.outputs
        self.last_weight = turned(uniform((heads, config.width, outputs), config.width, generator))
        self.last_bias = zeros((heads, outputs, 1))

    def train(self, mode: bool = True) -> Self:
        self.merged = []  # the weights are about to change, or have changed
        return super().train(mode)

    def merge(self) -> None:
        """Merge the adapters once for all rows to come, until the next training."""
        self.merged = [self._merged(layer) for layer in range(len(self.weight))]

    def forward(self, codes: Tensor) -> Tensor:
        merged = self.merged or [self._merged(layer) for layer in range(len(self.weight))]
        first = merged[0].flatten(0, 1)  # all heads read the same: one product for them
        hidden = torch.addmm(self.bias[0].flatten(0, 1), first, self.columns(codes))
        hidden = self.dropout(torch.relu_(hidden).view(self.heads, self.width, -1))
        for layer in range(1, len(self.weight)):
            hidden = torch.baddbmm(self.bias[layer], merged[layer], hidden)
            hidden = self.dropout(torch.relu_(hidden))
        return torch.baddbmm(self.last_bias, self.last_weight, hidden).permute(2, 0, 1)

    def _merged(self, layer: int) -> Tensor:
        merged: Tensor = self.weight[layer] * self.weight_in[layer] * self.weight_out[layer]
        return merged
