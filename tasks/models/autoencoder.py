"""A perceptron that gives a row back through few numbers: what it gives back badly is odd.

Source: Sakurada & Yairi 2014, doi:10.1145/2689746.2689747.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from tasks.models.autoencoder_config import AutoencoderConfig
from tasks.models.detecting import detector_family
from tasks.models.detector import Reconstruction
from tasks.models.standard import Standard

_SMALLEST_CODE, _LARGEST_CODE = 2, 32


class Autoencoder(Reconstruction):
    """Three layers to the code and three back.

    Args:
        config: `width` and `code`.
        standard: learned from the usual rows.
    """

    def __init__(
        self, config: AutoencoderConfig, standard: Standard, _names: tuple[str, ...] = ()
    ) -> None:
        super().__init__(standard)
        features, width, half = standard.features, config.width, config.width // 2
        code = config.code or code_width(features // 3)
        self.to_code = layers(features, width, half, code)
        self.from_code = layers(code, half, width, features)

    def restore(self, rows: Tensor, _known: Tensor) -> Tensor:
        given: Tensor = self.from_code(self.to_code(rows))
        return given


def layers(*widths: int) -> nn.Sequential:
    """Linear layers with SiLU between them."""
    parts: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        parts += [nn.Linear(inputs, outputs), nn.SiLU()]
    return nn.Sequential(*parts[:-1])


def code_width(wished: int) -> int:
    """A width of the middle within the usual bounds."""
    return max(_SMALLEST_CODE, min(_LARGEST_CODE, wished))


AUTOENCODER = detector_family(Autoencoder)
