"""A variational autoencoder: a row that it gives back badly, or that needs an unusual code, is odd.

Source: Kingma & Welling 2014, arXiv:1312.6114; An & Cho 2015, Variational autoencoder based anomaly
detection using reconstruction probability.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.models.autoencoder import code_width, layers
from tasks.models.autoencoder_config import VariationalConfig
from tasks.models.detecting import detector_family
from tasks.models.detector import Detector
from tasks.models.standard import Standard

_LEAST_LOG_VARIANCE, _MOST_LOG_VARIANCE = -8.0, 4.0


class Variational(Detector):
    """One hidden layer to a normal distribution of codes and one back.

    Args:
        config: `width`, `code` and `divergence`.
        standard: learned from the usual rows.
    """

    def __init__(
        self, config: VariationalConfig, standard: Standard, _names: tuple[str, ...] = ()
    ) -> None:
        super().__init__(standard)
        features = standard.features
        code = config.code or code_width(features // 2)
        self.divergence = config.divergence
        self.to_code = layers(features, config.width, 2 * code)
        self.from_code = layers(code, config.width, features)

    def oddness(self, rows: Tensor, known: Tensor) -> Tensor:
        """The loss at the middle of the codes' distribution: nothing is drawn."""
        mean, log_variance = self._code(rows)
        return self._loss(rows, known, mean, mean, log_variance)

    def losses(self, rows: Tensor, known: Tensor) -> Tensor:
        mean, log_variance = self._code(rows)
        code = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        return self._loss(rows, known, code, mean, log_variance)

    def _code(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.to_code(rows).chunk(2, dim=1)
        return mean, log_variance.clamp(_LEAST_LOG_VARIANCE, _MOST_LOG_VARIANCE)

    def _loss(
        self, rows: Tensor, known: Tensor, code: Tensor, mean: Tensor, log_variance: Tensor
    ) -> Tensor:
        gaps: Tensor = (self.from_code(code) - rows) ** 2 * known
        away = (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2
        return (gaps.sum(dim=1) / 2 + self.divergence * away) / rows.shape[1]


VARIATIONAL = detector_family(Variational)
