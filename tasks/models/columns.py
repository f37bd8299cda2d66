"""From the codes of columns to embedded rows and steps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tasks.core.layout import Layout
from tasks.models.encoding import EXTRA
from tasks.models.initial import normal, zeros
from tasks.models.inputs import Inputs


class Columns(nn.Module):
    """Codes → embedded columns: each has a linear map and a ReLU of its own.

    Args:
        count: columns.
        bins: pieces of a column's code.
        width: numbers a column is embedded in.
        generator: of the initial weights.

    Shape:
        (count, n, bins + 2) → (count, n, width)
    """

    def __init__(self, count: int, bins: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        pieces = normal((count, bins, width), 0.3 * max(bins, 1) ** -0.5, generator)
        scaled = normal((count, 1, width), 0.5, generator)
        # A mark that training never raises keeps its weight of 0.
        parts = [pieces.detach(), scaled.detach(), torch.zeros_like(scaled)]
        assert sum(part.shape[1] for part in parts) == bins + EXTRA
        self.weight = nn.Parameter(torch.cat(parts, dim=1))
        self.bias = zeros((count, 1, width))

    def forward(self, codes: Tensor) -> Tensor:
        return torch.relu(torch.baddbmm(self.bias, codes, self.weight))


class Flat(nn.Module):
    """Some of the columns as one embedded row.

    Args:
        columns: which; there may be none.

    Shape:
        (features, n, bins + 2) → (n, len(columns) * width)
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
            return codes.new_zeros((codes.shape[1], 0))
        embedded: Tensor = self.embed(codes[self.index])
        return embedded.transpose(0, 1).flatten(1)


class Steps(nn.Module):
    """One sequence, step by step; a channel is embedded alike in all steps.

    Args:
        inputs: whose columns they are.
        layout: the sequence.

    Shape:
        (features, n, bins + 2) → (n, steps, channels * width), and how much of each step is
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
        count, size = codes.shape[1:]
        cells = codes[self.index].view(self.steps, self.channels, count, size)
        missing = cells[..., -1].mean(dim=1).T
        by_channel = cells.transpose(0, 1).reshape(self.channels, self.steps * count, size)
        embedded = self.embed(by_channel).view(self.channels, self.steps, count, -1)
        return embedded.permute(2, 1, 0, 3).flatten(2), missing
