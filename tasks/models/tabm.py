"""TabM: k perceptrons that share their weights but for small adapters of each.

Source: Gorishniy, Kotelnikov & Babenko 2024, arXiv:2410.24210.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from tasks.models.config import TabMConfig
from tasks.models.initial import normal, ones, uniform, zeros


class TabM(nn.Module):
    """Embedded rows → one logit for each head.

    The adapters are merged into the shared weights before they meet the rows, so that a layer is
    one (batched) matrix product: several times the speed of scaling the activations.

    Args:
        inputs: width of an embedded row.
        config: `heads`, `width`, `layers` and `dropout`.
        generator: of the initial weights.

    Shape:
        (n, inputs) → (n, heads)
    """

    def __init__(self, inputs: int, config: TabMConfig, generator: torch.Generator) -> None:
        super().__init__()
        heads, sizes = config.heads, [inputs] + [config.width] * config.layers
        shapes = list(pairwise(sizes))
        self.heads, self.width = heads, config.width
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
        self.last_weight = uniform((heads, config.width, 1), config.width, generator)
        self.last_bias = zeros((heads, 1, 1))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, rows: Tensor) -> Tensor:
        first = self._merged(0).transpose(0, 1).reshape(rows.shape[1], self.heads * self.width)
        hidden = self.dropout(torch.relu(torch.addmm(self.bias[0].reshape(-1), rows, first)))
        hidden = hidden.view(len(rows), self.heads, self.width).transpose(0, 1)
        for layer in range(1, len(self.weight)):
            hidden = torch.baddbmm(self.bias[layer], hidden, self._merged(layer))
            hidden = self.dropout(torch.relu(hidden))
        return torch.baddbmm(self.last_bias, hidden, self.last_weight)[:, :, 0].T

    def _merged(self, layer: int) -> Tensor:
        merged: Tensor = self.weight[layer] * self.weight_in[layer] * self.weight_out[layer]
        return merged
