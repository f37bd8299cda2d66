"""TabM: k perceptrons that share their weights but for small adapters of each.

Source: Gorishniy, Kotelnikov & Babenko 2024, arXiv:2410.24210.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from tasks.models.columns import Flat
from tasks.models.initial import normal, ones, uniform, zeros
from tasks.models.inputs import Inputs
from tasks.models.tabm_config import TabMConfig


class TabM(nn.Module):
    """Codes → numbers of each head.

    The adapters are merged into the shared weights before they meet the rows, so that a layer is
    one (batched) matrix product: several times the speed of scaling the activations.

    Args:
        inputs: columns and outputs.
        config: `heads`, `width` and `layers`.
        generator: of the initial weights.

    Shape:
        (features, n, bins + 2) → (n, heads, outputs)
    """

    def __init__(self, inputs: Inputs, config: TabMConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.columns = Flat(range(inputs.features), config.bins, config.embedding, generator)
        heads, sizes = config.heads, [self.columns.width] + [config.width] * config.layers
        shapes = list(pairwise(sizes))
        self.heads, self.width, self.dropout = heads, config.width, nn.Dropout(config.dropout)
        self.weight = nn.ParameterList(uniform((i, o), i, generator) for i, o in shapes)
        self.weight_in = nn.ParameterList(
            normal((heads, i, 1), 1.0, generator) if layer == 0 else ones((heads, i, 1))
            for layer, (i, _) in enumerate(shapes)
        )
        self.weight_out = nn.ParameterList(ones((heads, 1, o)) for _, o in shapes)
        self.bias = nn.ParameterList(
            nn.Parameter(uniform((1, 1, o), i, generator).detach().repeat(heads, 1, 1))
            for i, o in shapes
        )
        outputs = inputs.target.outputs
        self.last_weight = uniform((heads, config.width, outputs), config.width, generator)
        self.last_bias = zeros((heads, 1, outputs))

    def forward(self, codes: Tensor) -> Tensor:
        rows = self.columns(codes)
        first = self._merged(0).transpose(0, 1).reshape(rows.shape[1], self.heads * self.width)
        hidden = torch.relu(torch.addmm(self.bias[0].reshape(-1), rows, first))
        hidden = self.dropout(hidden.view(rows.shape[0], self.heads, self.width).transpose(0, 1))
        for layer in range(1, len(self.weight)):
            hidden = torch.relu(torch.baddbmm(self.bias[layer], hidden, self._merged(layer)))
            hidden = self.dropout(hidden)
        return torch.baddbmm(self.last_bias, hidden, self.last_weight).transpose(0, 1)

    def _merged(self, layer: int) -> Tensor:
        merged: Tensor = self.weight[layer] * self.weight_in[layer] * self.weight_out[layer]
        return merged
