"""Convolutions along the steps before an event, beside its flat features."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from tasks.models.columns import Flat, Steps
from tasks.models.initial import drawn
from tasks.models.inputs import Inputs
from tasks.models.mlp import Layers
from tasks.models.sequence_config import SequenceCnnConfig


class SequenceCnn(nn.Module):
    """Codes → the numbers of one head.

    Args:
        inputs: columns, among them at least one sequence, and outputs.
        config: `width`, `layers` and `kernel`.
        generator: of the initial weights.

    Shape:
        (features, bins + 2, n) → (n, 1, outputs)

    Raises:
        ModelError: there is no sequence among the columns.
    """

    def __init__(
        self, inputs: Inputs, config: SequenceCnnConfig, generator: torch.Generator
    ) -> None:
        super().__init__()
        found = inputs.sequences()
        flat = inputs.flat(found)
        self.columns = Flat(flat, config.bins, config.embedding, generator)
        steps = [Steps(inputs, each, config.bins, config.embedding, generator) for each in found]
        self.steps = nn.ModuleList(steps)
        self.convolutions = nn.ModuleList(
            drawn(partial(_convolutions, each.width, config), generator) for each in steps
        )
        joined = self.columns.width + 2 * config.width * len(found)
        sizes = [joined, config.width, inputs.target.outputs]
        self.last = Layers(sizes, config.dropout, generator)

    def forward(self, codes: Tensor) -> Tensor:
        parts = [self.columns(codes)]
        for read, convolve in zip(self.steps, self.convolutions, strict=True):
            steps, missing = read(codes)
            found = convolve(steps.transpose(1, 2))
            there = (1 - missing)[:, None]
            mean = (found * there).sum(dim=2) / (there.sum(dim=2) + 0.1)
            parts += [mean.T, found[:, :, -1].T]  # over all steps, and next to the event
        numbers: Tensor = self.last(torch.cat(parts))
        return numbers.T[:, None]


def _convolutions(channels: int, config: SequenceCnnConfig) -> nn.Module:
    layers: list[nn.Module] = []
    for layer in range(config.layers):
        before = channels if layer == 0 else config.width
        convolution = nn.Conv1d(before, config.width, config.kernel, padding="same")
        layers += [convolution, nn.ReLU(), nn.Dropout(config.dropout)]
    return nn.Sequential(*layers)
