"""The sequences among a table's columns as one window of steps and channels, and back."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.core.errors import ModelError
from tasks.core.layout import layouts


class Windows(nn.Module):
    """Where each step of each channel stands among the columns; nothing in it is trained.

    Sequences of several names are channels beside each other, step by step; other columns are not
    part of any window.

    Args:
        names: the columns of the table.

    Raises:
        ModelError: there is no sequence of at least two steps among them.
    """

    index: Tensor

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        found = [each for each in layouts(names) if len(each.places[0]) == 1]
        steps = sorted({place for each in found for place in each.places})
        if len(steps) < 2:
            raise ModelError(
                "a sequence of at least two steps among the features",
                found=", ".join(names[:5]) or "no named features",
                where="model.kind",
                do="Add a family `sequence` or `series`, or take a model that reads rows.",
            )
        column = {name: place for place, name in enumerate(names)}
        cells = [
            [column.get(each.columns.get((step, channel), ""), len(names)) for step in steps]
            for each in found
            for channel in each.channels
        ]
        self.features, self.steps, self.channels = len(names), len(steps), len(cells)
        self.register_buffer("index", torch.tensor(cells).T.contiguous(), persistent=False)

    def forward(self, rows: Tensor) -> Tensor:
        """(n_rows, n_features) → (n_rows, steps, channels), 0 where there is no column."""
        padded = nn.functional.pad(rows, (0, 1))
        return padded[:, self.index]

    def back(self, cells: Tensor) -> Tensor:
        """(n_rows, steps, channels) → (n_rows, n_features), 0 for columns of no window."""
        wide = torch.zeros(len(cells), self.features + 1, device=cells.device)
        flat = self.index.flatten().expand(len(cells), -1)
        return wide.scatter_add(1, flat, cells.flatten(1))[:, : self.features]
