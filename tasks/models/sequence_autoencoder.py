"""Autoencoders of windows: a window that is given back badly is odd, step by step.

Source: Malhotra et al. 2016, arXiv:1607.00148 (LSTM encoder-decoder).
"""

from __future__ import annotations

from torch import Tensor, nn

from tasks.models.detecting import detector_family
from tasks.models.detector import Reconstruction
from tasks.models.series_config import SequenceAutoencoderConfig
from tasks.models.standard import Standard
from tasks.models.windows import Windows

_STRIDES = 4  # what two strides of two make of the steps


class SequenceAutoencoder(Reconstruction):
    """A body between the columns of windows.

    Args:
        config: `body`, `width` and `code`.
        standard: learned from the usual rows.
        names: the columns, which say where the windows are.
    """

    def __init__(
        self, config: SequenceAutoencoderConfig, standard: Standard, names: tuple[str, ...]
    ) -> None:
        super().__init__(standard)
        self.windows = Windows(names)
        body = Convolutions if config.body == "cnn" else Recurrences
        self.body = body(self.windows, config)

    def errors(self, rows: Tensor, known: Tensor) -> Tensor:
        """Each cell's part of the mean squared error; 0 for columns of no window."""
        cells = self.windows(rows)
        there = self.windows(known.to(rows.dtype))
        gaps = (self.body(cells) - cells) ** 2 * there
        errors: Tensor = self.windows.back(gaps) / (cells.shape[1] * cells.shape[2])
        return errors


class Convolutions(nn.Module):
    """Two convolutions that halve the steps, the code, and two that double them."""

    def __init__(self, windows: Windows, config: SequenceAutoencoderConfig) -> None:
        super().__init__()
        self.spare = -windows.steps % _STRIDES
        short, wide = (windows.steps + self.spare) // _STRIDES, config.width
        self.layers = nn.Sequential(
            nn.Conv1d(windows.channels, wide, 5, stride=2, padding=2),
            nn.SiLU(),
            nn.Conv1d(wide, wide, 5, stride=2, padding=2),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(wide * short, config.code),
            nn.Linear(config.code, wide * short),
            nn.Unflatten(1, (wide, short)),
            nn.SiLU(),
            nn.ConvTranspose1d(wide, wide, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.ConvTranspose1d(wide, windows.channels, 4, stride=2, padding=1),
        )

    def forward(self, cells: Tensor) -> Tensor:
        padded = nn.functional.pad(cells.transpose(1, 2), (self.spare, 0))
        given: Tensor = self.layers(padded)
        return given[:, :, self.spare :].transpose(1, 2)


class Recurrences(nn.Module):
    """An LSTM whose last state becomes the code, and one that unrolls the code again."""

    def __init__(self, windows: Windows, config: SequenceAutoencoderConfig) -> None:
        super().__init__()
        self.reads = nn.LSTM(windows.channels, config.width, batch_first=True)
        self.to_code = nn.Linear(config.width, config.code)
        self.writes = nn.LSTM(config.code, config.width, batch_first=True)
        self.to_cells = nn.Linear(config.width, windows.channels)

    def forward(self, cells: Tensor) -> Tensor:
        _, (last, _) = self.reads(cells)
        code = self.to_code(last[0])[:, None].expand(-1, cells.shape[1], -1)
        given: Tensor = self.to_cells(self.writes(code)[0])
        return given


SEQUENCE_AUTOENCODER = detector_family(SequenceAutoencoder)
