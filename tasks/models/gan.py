"""A bidirectional GAN: an encoder and a generator that critics cannot tell apart.

A row is odd where encoding and generating it again changes it in the eyes of a critic of pairs.

Source: Zenati et al. 2018, arXiv:1812.02288 (ALAD); Donahue, Krähenbühl & Darrell 2017,
arXiv:1605.09782 (BiGAN).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus

from tasks.models.autoencoder import code_width
from tasks.models.detecting import detector_family
from tasks.models.detector import Detector
from tasks.models.standard import Standard
from tasks.models.svdd_config import GanConfig

_RESTORING = 0.5  # weight of the squared error of rows that are encoded and generated again


class Critic(nn.Module):
    """Features of a pair, and how real it looks; spectral norms keep it from running away."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        normed = nn.utils.parametrizations.spectral_norm
        self.features = nn.Sequential(
            normed(nn.Linear(inputs, width)),
            nn.LeakyReLU(0.2),
            normed(nn.Linear(width, width // 2)),
            nn.LeakyReLU(0.2),
        )
        self.verdict = nn.Linear(width // 2, 1)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        real: Tensor = self.verdict(self.features(torch.cat([left, right], dim=1)))
        return real


class Gan(Detector):
    """Encoder, generator, a critic of rows with codes and one of rows with rows.

    Args:
        config: `width` and `code`.
        standard: learned from the usual rows.
    """

    stops_early = False  # the loss of a game does not fall

    def __init__(self, config: GanConfig, standard: Standard, _names: tuple[str, ...] = ()) -> None:
        super().__init__(standard)
        features, width = standard.features, config.width
        self.code = config.code or code_width(features // 2)
        self.encoder = _perceptron(features, width, self.code)
        self.generator = _perceptron(self.code, width, features)
        self.of_codes = Critic(features + self.code, width)
        self.of_rows = Critic(2 * features, width)

    def oddness(self, rows: Tensor, known: Tensor) -> Tensor:
        again = torch.where(known, self.generator(self.encoder(rows)), rows)
        seen = self.of_rows.features
        gap: Tensor = seen(torch.cat([rows, rows], dim=1)) - seen(torch.cat([rows, again], dim=1))
        return (gap**2).sum(dim=1)

    def losses(self, rows: Tensor, _known: Tensor) -> Tensor:
        """Both sides of the game at once: each takes the other's weights as they are."""
        drawn = torch.randn(len(rows), self.code, device=rows.device)
        made, codes = self.generator(drawn), self.encoder(rows)
        again = self.generator(codes)
        critics = self._verdicts(rows, codes.detach(), made.detach(), drawn, again.detach(), False)
        makers = self._verdicts(rows, codes, made, drawn, again, True)
        restored = ((again - rows) ** 2).mean(dim=1)
        loss: Tensor = (critics + makers)[:, 0] + _RESTORING * restored
        return loss

    def _verdicts(
        self, rows: Tensor, codes: Tensor, made: Tensor, drawn: Tensor, again: Tensor, swap: bool
    ) -> Tensor:
        """Losses of the critics, or of those who want them to err: then the critics stand still."""
        sign = -1.0 if swap else 1.0
        pairs = (
            (self.of_codes, rows, codes, -sign),
            (self.of_codes, made, drawn, sign),
            (self.of_rows, rows, rows, -sign),
            (self.of_rows, rows, again, sign),
        )
        total = torch.zeros(len(rows), 1, device=rows.device)
        for critic, left, right, way in pairs:
            weights = {
                name: each.detach() if swap else each for name, each in critic.named_parameters()
            }
            total = total + softplus(way * functional_call(critic, weights, (left, right)))
        return total


def _perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.LeakyReLU(0.2), nn.Linear(width, outputs))


GAN = detector_family(Gan)
