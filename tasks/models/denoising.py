"""A perceptron that tells hidden features from the others: what it tells badly is odd.

Source: Vincent et al. 2008, doi:10.1145/1390156.1390294, with whole features hidden.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.models.autoencoder import layers
from tasks.models.autoencoder_config import DenoisingConfig
from tasks.models.detecting import detector_family
from tasks.models.detector import Reconstruction
from tasks.models.standard import Standard

_LEAST_HIDDEN, _MOST_HIDDEN = 0.1, 0.6  # share of the features, in training
_THIRDS = 3


class Denoising(Reconstruction):
    """Values and what is shown of them → all values.

    Args:
        config: `width` and `masks`.
        standard: learned from the usual rows.
    """

    shown: Tensor

    def __init__(
        self, config: DenoisingConfig, standard: Standard, _names: tuple[str, ...] = ()
    ) -> None:
        super().__init__(standard)
        features = standard.features
        self.body = layers(2 * features, config.width, config.width, features)
        thirds = [torch.randperm(features) % _THIRDS for _ in range(config.masks)]
        shown = [third != hidden for third in thirds for hidden in range(_THIRDS)]
        self.register_buffer("shown", torch.stack(shown).to(torch.uint8))

    def restore(self, rows: Tensor, known: Tensor) -> Tensor:
        told: Tensor = self.body(torch.cat([rows * known, known.to(rows.dtype)], dim=1))
        return told

    def errors(self, rows: Tensor, known: Tensor) -> Tensor:
        """Each feature's error where it is hidden, over masks that hide each equally often."""
        total = torch.zeros_like(rows)
        for shown in self.shown.bool():
            total += (self.restore(rows, known & shown) - rows) ** 2 * (known & ~shown)
        return total / (len(self.shown) / _THIRDS * rows.shape[1])

    def losses(self, rows: Tensor, known: Tensor) -> Tensor:
        share = _LEAST_HIDDEN + (_MOST_HIDDEN - _LEAST_HIDDEN) * torch.rand(len(rows), 1)
        hidden = (torch.rand(rows.shape) < share).to(rows.device) & known
        errors = (self.restore(rows, known & ~hidden) - rows) ** 2 * hidden
        return errors.sum(dim=1) / hidden.sum(dim=1).clamp_min(1)


DENOISING = detector_family(Denoising)
