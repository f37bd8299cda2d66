"""A residual network on embedded rows.

Source: Gorishniy et al. 2021, arXiv:2106.11959.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.models.columns import Flat
from tasks.models.initial import drawn
from tasks.models.inputs import Inputs
from tasks.models.resnet_config import ResNetConfig


class ResNet(nn.Module):
    """Codes → the numbers of one head.

    Args:
        inputs: columns and outputs.
        config: `width`, `inner` and `layers`, the blocks.
        generator: of the initial weights.

    Shape:
        (features, bins + 2, n) → (n, 1, outputs)
    """

    def __init__(self, inputs: Inputs, config: ResNetConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.columns = Flat(range(inputs.features), config.bins, config.embedding, generator)
        width, outputs = config.width, inputs.target.outputs
        self.first = drawn(lambda: nn.Linear(self.columns.width, width), generator)
        blocks = [drawn(lambda: _block(config), generator) for _ in range(config.layers)]
        self.blocks = nn.ModuleList(blocks)
        self.last = drawn(
            lambda: nn.Sequential(nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, outputs)),
            generator,
        )

    def forward(self, codes: Tensor) -> Tensor:
        rows = self.first(self.columns(codes).T)
        for block in self.blocks:
            rows = rows + block(rows)
        numbers: Tensor = self.last(rows)
        return numbers[:, None]


def _block(config: ResNetConfig) -> nn.Module:
    """Layer norm, which unlike batch norm scores a row alike in any company, and two layers."""
    inner = max(1, round(config.width * config.inner))
    return nn.Sequential(
        nn.LayerNorm(config.width),
        nn.Linear(config.width, inner),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(inner, config.width),
    )
