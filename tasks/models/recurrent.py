"""A recurrent network along the steps before an event, with attention over them.

Source: Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; Cho et al. 2014,
arXiv:1406.1078; additive attention of Bahdanau, Cho & Bengio 2015, arXiv:1409.0473.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.models.columns import Flat, Steps
from tasks.models.initial import drawn
from tasks.models.inputs import Inputs
from tasks.models.mlp import Layers
from tasks.models.sequence_config import RecurrentConfig

_UNSEEN = 10.0  # what a missing step is set back by in the attention


class Recurrent(nn.Module):
    """Codes → the numbers of one head.

    Args:
        inputs: columns, among them at least one sequence, and outputs.
        config: `cell`, `width` and `layers`.
        generator: of the initial weights.

    Shape:
        (features, bins + 2, n) → (n, 1, outputs)

    Raises:
        ModelError: there is no sequence among the columns.
    """

    def __init__(self, inputs: Inputs, config: RecurrentConfig, generator: torch.Generator) -> None:
        super().__init__()
        found = inputs.sequences()
        self.columns = Flat(inputs.flat(found), config.bins, config.embedding, generator)
        self.readers = nn.ModuleList(
            _Reader(
                Steps(inputs, layout, config.bins, config.embedding, generator), config, generator
            )
            for layout in found
        )
        joined = self.columns.width + 2 * config.width * len(found)
        sizes = [joined, config.width, inputs.target.outputs]
        self.last = Layers(sizes, config.dropout, generator)

    def forward(self, codes: Tensor) -> Tensor:
        parts = [self.columns(codes), *(reader(codes).T for reader in self.readers)]
        numbers: Tensor = self.last(torch.cat(parts))
        return numbers.T[:, None]


class _Reader(nn.Module):
    """One sequence: what the attention finds in it, and how it stands before the event.

    Shape:
        (features, bins + 2, n) → (n, 2 * width)
    """

    def __init__(self, steps: Steps, config: RecurrentConfig, generator: torch.Generator) -> None:
        super().__init__()
        width, cell = config.width, nn.LSTM if config.cell == "lstm" else nn.GRU
        self.steps = steps
        self.memory = drawn(
            lambda: cell(steps.width, width, config.layers, batch_first=True), generator
        )
        self.key = drawn(lambda: nn.Linear(width, width), generator)
        self.query = drawn(lambda: nn.Linear(width, width, bias=False), generator)
        self.weigh = drawn(lambda: nn.Linear(width, 1, bias=False), generator)

    def forward(self, codes: Tensor) -> Tensor:
        steps, missing = self.steps(codes)
        with torch.autocast(codes.device.type, enabled=False):
            states, _ = self.memory(steps.float())
        last = states[:, -1]
        asked = self.weigh(torch.tanh(self.key(states) + self.query(last)[:, None]))[:, :, 0]
        weights = torch.softmax(asked - _UNSEEN * missing, dim=1)
        found = (weights[:, :, None] * states).sum(dim=1)
        return torch.cat([found, last], dim=1)
