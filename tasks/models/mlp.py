"""A multilayer perceptron on embedded rows."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from tasks.models.config import MlpConfig
from tasks.models.initial import uniform


class Mlp(nn.Module):
    """Embedded rows → one logit.

    Args:
        inputs: width of an embedded row.
        config: `width`, `layers` and `dropout`.
        generator: of the initial weights.

    Shape:
        (n, inputs) → (n, 1)
    """

    def __init__(self, inputs: int, config: MlpConfig, generator: torch.Generator) -> None:
        super().__init__()
        shapes = list(pairwise([inputs] + [config.width] * config.layers + [1]))
        self.weight = nn.ParameterList(uniform((i, o), i, generator) for i, o in shapes)
        self.bias = nn.ParameterList(uniform((o,), i, generator) for i, o in shapes)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, rows: Tensor) -> Tensor:
        for layer, (weight, bias) in enumerate(zip(self.weight, self.bias, strict=True)):
            rows = torch.addmm(bias, rows, weight)
            if layer < len(self.weight) - 1:
                rows = self.dropout(torch.relu(rows))
        return rows
