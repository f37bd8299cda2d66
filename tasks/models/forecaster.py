"""A forecast of the last step from those before it: a step that comes otherwise is odd.

Source: Malhotra et al. 2015, Long short term memory networks for anomaly detection in time series;
Cho et al. 2014, arXiv:1406.1078 (GRU).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.models.detecting import detector_family
from tasks.models.detector import Reconstruction
from tasks.models.series_config import ForecasterConfig
from tasks.models.standard import Standard
from tasks.models.windows import Windows

_LEAST_VARIANCE = 1e-4  # of a forecast's error, in variances of the channel


class Forecaster(Reconstruction):
    """A GRU, and the squared error of its forecast in units of its usual size.

    The oddness belongs to the last step alone: what was odd before has been told before.

    Args:
        config: `width`.
        standard: learned from the usual rows.
        names: the columns, which say where the windows are.
    """

    variance: Tensor

    def __init__(
        self, config: ForecasterConfig, standard: Standard, names: tuple[str, ...]
    ) -> None:
        super().__init__(standard)
        self.windows = Windows(names)
        channels = self.windows.channels
        self.reads = nn.GRU(channels, config.width, batch_first=True)
        self.tells = nn.Linear(config.width, channels)
        self.register_buffer("variance", torch.ones(channels))

    def errors(self, rows: Tensor, known: Tensor) -> Tensor:
        gaps = self._gaps(rows, known) / self.variance / self.windows.channels
        cells = torch.zeros(len(rows), self.windows.steps, self.windows.channels)
        cells = cells.to(rows.device)
        cells[:, -1] = gaps
        errors: Tensor = self.windows.back(cells)
        return errors

    def losses(self, rows: Tensor, known: Tensor) -> Tensor:
        return self._gaps(rows, known).mean(dim=1)

    def finish(self, rows: Tensor, known: Tensor) -> None:
        """The usual size of an error, of each channel."""
        there = self.windows(known.to(rows.dtype))[:, -1].sum(dim=0).clamp_min(1)
        variance = self._gaps(rows, known).sum(dim=0) / there
        self.variance.copy_(variance.clamp_min(_LEAST_VARIANCE))

    def _gaps(self, rows: Tensor, known: Tensor) -> Tensor:
        """Squared errors of the last step (n_rows, channels)."""
        cells = self.windows(rows)
        there = self.windows(known.to(rows.dtype))[:, -1]
        states, _ = self.reads(cells[:, :-1])
        # From the last step that is known on, whatever comes is the change.
        told = cells[:, -2] + self.tells(states[:, -1])
        gaps: Tensor = (told - cells[:, -1]) ** 2 * there
        return gaps


FORECASTER = detector_family(Forecaster)
