"""Diffusion-time estimation: a network tells how much noise was added to usual rows.

A row far from all of them looks as if much had been added.

Source: Livernoche, Jain, Hezaveh & Ravanbakhsh 2024, arXiv:2305.18593 (DTE-C).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.models.detecting import detector_family
from tasks.models.detector import Detector
from tasks.models.standard import Standard
from tasks.models.svdd_config import DiffusionConfig

_TIMES = 300
_FIRST_NOISE, _LAST_NOISE = 1e-4, 1e-2  # variance added by the first and the last step


class Diffusion(Detector):
    """A classifier of noise; the oddness is the class it expects.

    Args:
        config: `width` and `classes`.
        standard: learned from the usual rows.
    """

    def __init__(
        self, config: DiffusionConfig, standard: Standard, _names: tuple[str, ...] = ()
    ) -> None:
        super().__init__(standard)
        width = config.width
        self.classes = config.classes
        self.body = nn.Sequential(
            nn.Linear(standard.features, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, width // 2),
            nn.ReLU(),
            nn.Linear(width // 2, config.classes),
        )

    def oddness(self, rows: Tensor, _known: Tensor) -> Tensor:
        chances = torch.softmax(self.body(rows), dim=1)
        return chances @ torch.arange(self.classes, dtype=chances.dtype, device=rows.device)

    def losses(self, rows: Tensor, _known: Tensor) -> Tensor:
        kept = torch.cumprod(1 - torch.linspace(_FIRST_NOISE, _LAST_NOISE, _TIMES), dim=0)
        times = torch.randint(0, _TIMES, (len(rows),))
        share = kept[times, None].to(rows.device)
        noisy = rows * share.sqrt() + torch.randn_like(rows) * (1 - share).sqrt()
        classes = (times * self.classes // _TIMES).to(rows.device)
        return nn.functional.cross_entropy(self.body(noisy), classes, reduction="none")


DIFFUSION = detector_family(Diffusion)
