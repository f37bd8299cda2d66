"""Deep SVDD: usual rows are mapped close to one point; a row that is mapped far away is odd.

No layer has a bias, else the network could map every row to that point.

Source: Ruff et al. 2018, Deep one-class classification, section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.models.detecting import detector_family
from tasks.models.detector import Detector
from tasks.models.standard import Standard
from tasks.models.svdd_config import SvddConfig

_NEAREST = 0.1  # a coordinate of the point that were 0 could be reached by weights of 0


class Svdd(Detector):
    """Three layers, and the squared distance from a point that the first weights choose.

    Args:
        config: `width` and `code`.
        standard: learned from the usual rows.
    """

    center: Tensor

    def __init__(
        self, config: SvddConfig, standard: Standard, _names: tuple[str, ...] = ()
    ) -> None:
        super().__init__(standard)
        self.body = nn.Sequential(
            nn.Linear(standard.features, config.width, bias=False),
            nn.LeakyReLU(0.1),
            nn.Linear(config.width, config.width // 2, bias=False),
            nn.LeakyReLU(0.1),
            nn.Linear(config.width // 2, config.code, bias=False),
        )
        self.register_buffer("center", torch.zeros(config.code))

    @torch.no_grad()
    def begin(self, rows: Tensor, _known: Tensor) -> None:
        center = self.body(rows).mean(dim=0)
        away = torch.where(center < 0, -_NEAREST, _NEAREST)
        self.center.copy_(torch.where(center.abs() < _NEAREST, away, center))

    def oddness(self, rows: Tensor, _known: Tensor) -> Tensor:
        away: Tensor = self.body(rows) - self.center
        return (away**2).sum(dim=1)


SVDD = detector_family(Svdd)
