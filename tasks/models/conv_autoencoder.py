"""A convolutional bottleneck between two linear maps: few weights in the middle.

The first map lays a row out over places, so that neighbours need not be neighbouring columns.
"""

from __future__ import annotations

from torch import Tensor, nn

from tasks.models.autoencoder_config import ConvAutoencoderConfig
from tasks.models.detecting import detector_family
from tasks.models.detector import Reconstruction
from tasks.models.standard import Standard

_OUTER_CHANNELS = 4


class ConvAutoencoder(Reconstruction):
    """Two convolutions that halve the places, and two that double them.

    Args:
        config: `channels` and `places`; a quarter of the places times half of the channels are the
            numbers in the middle.
        standard: learned from the usual rows.
    """

    def __init__(
        self, config: ConvAutoencoderConfig, standard: Standard, _names: tuple[str, ...] = ()
    ) -> None:
        super().__init__(standard)
        wide, narrow = config.channels, config.channels // 2
        self.spread = nn.Linear(standard.features, _OUTER_CHANNELS * config.places)
        self.gather = nn.Linear(_OUTER_CHANNELS * config.places, standard.features)
        self.body = nn.Sequential(
            nn.Unflatten(1, (_OUTER_CHANNELS, config.places)),
            nn.Conv1d(_OUTER_CHANNELS, wide, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv1d(wide, narrow, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.ConvTranspose1d(narrow, wide, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.ConvTranspose1d(wide, _OUTER_CHANNELS, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Flatten(),
        )

    def restore(self, rows: Tensor, _known: Tensor) -> Tensor:
        given: Tensor = self.gather(self.body(self.spread(rows)))
        return given


CONV_AUTOENCODER = detector_family(ConvAutoencoder)
