"""FT-Transformer: features are tokens that attend to each other.

Source: Gorishniy et al. 2021, arXiv:2106.11959; attention of Vaswani et al. 2017, arXiv:1706.03762.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from tasks.models.columns import Columns
from tasks.models.initial import drawn, normal
from tasks.models.inputs import Inputs
from tasks.models.transformer_config import TransformerConfig


class Transformer(nn.Module):
    """Codes → the numbers of one head, read from a token that stands for the whole row.

    Args:
        inputs: columns and outputs.
        config: `embedding`, the width of a token, `heads`, `inner` and `layers`.
        generator: of the initial weights.

    Shape:
        (features, bins + 2, n) → (n, 1, outputs)
    """

    def __init__(
        self, inputs: Inputs, config: TransformerConfig, generator: torch.Generator
    ) -> None:
        super().__init__()
        width, outputs = config.embedding, inputs.target.outputs
        self.columns = Columns(inputs.features, config.bins, width, generator)
        # What tells features apart, whose embeddings are not negative.
        self.place = normal((1, inputs.features, width), 0.3, generator)
        self.whole = normal((1, 1, width), 0.3, generator)
        blocks = [drawn(lambda: Block(config), generator) for _ in range(config.layers)]
        self.blocks = nn.ModuleList(blocks)
        self.last = drawn(
            lambda: nn.Sequential(nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, outputs)),
            generator,
        )

    def forward(self, codes: Tensor) -> Tensor:
        tokens = self.columns(codes).permute(2, 0, 1) + self.place
        tokens = torch.cat([self.whole.expand(tokens.shape[0], -1, -1), tokens], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        numbers: Tensor = self.last(tokens[:, :1])
        return numbers


class Block(nn.Module):
    """Attention among tokens, then two layers within each; both are added to what went in.

    Shape:
        (n, tokens, width) → the same
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width, inner = config.embedding, max(1, round(config.embedding * config.inner))
        self.heads, self.dropout = config.heads, config.dropout
        self.before_attention, self.before_layers = nn.LayerNorm(width), nn.LayerNorm(width)
        self.ask, self.give = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.layers = nn.Sequential(
            nn.Linear(width, inner), nn.ReLU(), nn.Dropout(config.dropout), nn.Linear(inner, width)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        asked = self.ask(self.before_attention(tokens)).unflatten(2, (3, self.heads, -1))
        query, key, value = asked.permute(2, 0, 3, 1, 4)
        share = self.dropout if self.training else 0.0
        found = functional.scaled_dot_product_attention(query, key, value, dropout_p=share)
        tokens = tokens + self.give(found.transpose(1, 2).flatten(2))
        added: Tensor = tokens + self.layers(self.before_layers(tokens))
        return added
