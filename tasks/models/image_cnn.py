"""Convolutions over images, beside flat features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.core.layout import Layout
from tasks.models.augmentation import augment
from tasks.models.columns import Flat
from tasks.models.image_cnn_config import ImageCnnConfig
from tasks.models.initial import drawn
from tasks.models.inputs import Inputs

_SMALLEST = 4  # extents that are halved no more


class ImageCnn(nn.Module):
    """Codes → the numbers of one head.

    Args:
        inputs: columns, among them at least one image, and outputs.
        config: `width`, `stages`, `convolutions` and `augmentation`.
        generator: of the initial weights.

    Shape:
        (features, bins + 2, n) → (n, 1, outputs)

    Raises:
        ModelError: there is no image among the columns.
    """

    def __init__(self, inputs: Inputs, config: ImageCnnConfig, generator: torch.Generator) -> None:
        super().__init__()
        found = inputs.images()
        self.columns = Flat(inputs.flat(found), config.bins, config.embedding, generator)
        readers = [_Reader(inputs, each, config, generator) for each in found]
        self.readers = nn.ModuleList(readers)
        joined = self.columns.width + sum(reader.width for reader in readers)
        self.dropout = nn.Dropout(config.dropout)
        self.last = drawn(lambda: nn.Linear(joined, inputs.target.outputs), generator)

    def forward(self, codes: Tensor) -> Tensor:
        parts = [self.columns(codes).T, *(reader(codes) for reader in self.readers)]
        numbers: Tensor = self.last(self.dropout(torch.cat(parts, dim=1)))
        return numbers[:, None]


class _Reader(nn.Module):
    """One image: each channel's scaled value and mark, through stages of convolutions.

    Shape:
        (features, bins + 2, n) → (n, width)
    """

    index: Tensor

    def __init__(
        self, inputs: Inputs, layout: Layout, config: ImageCnnConfig, generator: torch.Generator
    ) -> None:
        super().__init__()
        index = torch.tensor(inputs.places(layout), dtype=torch.int64)
        self.register_buffer("index", index, persistent=False)
        self.shape, self.augmentation = layout.shape, config.augmentation
        channels = 2 * layout.shape[-1]
        self.stages = drawn(lambda: _stages(channels, layout.shape[:2], config), generator)
        self.stages.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.width = 2 * config.width * 2 ** (config.stages - 1)

    def forward(self, codes: Tensor) -> Tensor:
        height, width, _ = self.shape
        cells = codes[self.index, -2:].permute(2, 0, 1)
        images = cells.reshape(cells.shape[0], height, width, -1).permute(0, 3, 1, 2)
        if self.training:
            images = augment(images, self.augmentation)
        found = self.stages(images)
        return torch.cat([found.mean(dim=(2, 3)), found.amax(dim=(2, 3))], dim=1)


def _stages(channels: int, extents: tuple[int, ...], config: ImageCnnConfig) -> nn.Module:
    """One convolution at full size, where each is dear; more at each half of it."""
    layers: list[nn.Module] = []
    smallest = min(extents)
    for stage in range(config.stages):
        width = config.width * 2**stage
        if stage and smallest >= _SMALLEST:
            layers.append(nn.MaxPool2d(2))
            smallest //= 2
        for _ in range(config.convolutions if stage else 1):
            convolution = nn.Conv2d(channels, width, 3, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
    return nn.Sequential(*layers)


def pieces(inputs: Inputs, config: ImageCnnConfig) -> int:
    """Pieces of a column's code: none where there are only pixels, which need none."""
    return config.bins if inputs.flat(inputs.images()) else 0
