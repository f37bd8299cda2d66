"""From the codes of columns to embedded rows and steps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tasks.core.layout import Layout
from tasks.models.encoding import EXTRA
from tasks.models.initial import normal, turned, zeros
from tasks.models.inputs import Inputs


class Columns(nn.Module):
    """Codes → embedded columns: each has a linear map and a ReLU of its own.

    Args:
        count: columns.
        bins: pieces of a column's code.
        width: numbers a column is embedded in.
        generator: of the initial weights.

    Shape:
        (count, bins + 2, n) → (count, width, n)
    """

    def __init__(self, count: int, bins: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        pieces = turned(normal((count, bins, width), 0.3 * max(bins, 1) ** -0.5, generator))
        scaled = normal((count, width, 1), 0.5, generator)
        # A mark that training never raises keeps its weight of 0.
        parts = [pieces.detach(), scaled.detach(), torch.zeros_like(scaled)]
        assert sum(part.shape[2] for part in parts) == bins + EXTRA
        self.weight = nn.Parameter(torch.cat(parts, dim=2))
        self.bias = zeros((count, width, 1))

    def forward(self, codes: Tensor) -> Tensor:
        return torch.relu_(torch.baddbmm(self.bias, self.weight, codes))


class Flat(nn.Module):
    """Some of the columns, embedded.

    Args:
        columns: which, in ascending order; there may be none.

    Shape:
        (features, bins + 2, n) → (len(columns) * width, n)
    """

    index: Tensor

    def __init__(
        self, columns: Sequence[int], bins: int, width: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.register_buffer("index", torch.tensor(columns, dtype=torch.int64), persistent=False)
        self.embed = Columns(len(columns), bins, width, generator)
        self.width = len(columns) * width

    def forward(self, codes: Tensor) -> Tensor:
        if not self.width:
            return codes.new_zeros((0, codes.shape[2]))
        own = codes if len(self.index) == len(codes) else codes[self.index]
        embedded: Tensor = self.embed(own)
        return embedded.flatten(0, 1)


class Steps(nn.Module):
    """One sequence, step by step; a channel is embedded alike in all steps.

    Args:
        inputs: whose columns they are.
        layout: the sequence.

    Shape:
        (features, bins + 2, n) → (n, steps, channels * width), and how much of each step is
        missing, (n, steps), from 0 to 1.
    """

    index: Tensor

    def __init__(
        self, inputs: Inputs, layout: Layout, bins: int, width: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        places = torch.tensor(inputs.places(layout), dtype=torch.int64)
        self.register_buffer("index", places, persistent=False)
        self.steps, self.channels = layout.shape
        self.embed = Columns(self.channels, bins, width, generator)
        self.width = self.channels * width

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        size, count = codes.shape[1:]
        cells = codes[self.index].view(self.steps, self.channels, size, count)
        missing = cells[:, :, -1].mean(dim=1).T
        by_channel = cells.permute(1, 2, 0, 3).reshape(self.channels, size, self.steps * count)
        embedded = self.embed(by_channel).view(self.channels, -1, self.steps, count)
        return embedded.permute(3, 2, 0, 1).flatten(2), missing
