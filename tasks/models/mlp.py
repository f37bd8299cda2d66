"""A multilayer perceptron on embedded rows, which other networks end with as well."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from tasks.models.columns import Flat
from tasks.models.initial import turned, uniform
from tasks.models.inputs import Inputs
from tasks.models.mlp_config import MlpConfig


class Layers(nn.Module):
    """Linear maps with a ReLU between each two.

    Args:
        sizes: units of each layer, the inputs first.
        dropout: share of hidden units left out in training.
        generator: of the initial weights.

    Shape:
        (sizes[0], n) → (sizes[-1], n)
    """

    def __init__(self, sizes: list[int], dropout: float, generator: torch.Generator) -> None:
        super().__init__()
        shapes = list(pairwise(sizes))
        self.weight = nn.ParameterList(turned(uniform((i, o), i, generator)) for i, o in shapes)
        self.bias = nn.ParameterList(uniform((o, 1), i, generator) for i, o in shapes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, rows: Tensor) -> Tensor:
        for layer, (weight, bias) in enumerate(zip(self.weight, self.bias, strict=True)):
            rows = torch.addmm(bias, weight, rows)
            if layer < len(self.weight) - 1:
                rows = self.dropout(torch.relu_(rows))
        return rows


class Mlp(nn.Module):
    """Codes → the numbers of one head.

    Args:
        inputs: columns and outputs.
        config: `width` and `layers`.
        generator: of the initial weights.

    Shape:
        (features, bins + 2, n) → (n, 1, outputs)
    """

    def __init__(self, inputs: Inputs, config: MlpConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.columns = Flat(range(inputs.features), config.bins, config.embedding, generator)
        sizes = [self.columns.width, *[config.width] * config.layers, inputs.target.outputs]
        self.layers = Layers(sizes, config.dropout, generator)

    def forward(self, codes: Tensor) -> Tensor:
        rows: Tensor = self.layers(self.columns(codes))
        return rows.T[:, None]
