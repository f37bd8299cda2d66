"""What a network learns about its inputs before training, kept as buffers of the network.

Gaps are filled with the training median, and a feature that had gaps in training gets a column
that says so. Each column is then written as a piecewise-linear code over its training quantiles
plus one robustly scaled value, so that a network sees heavy tails and thresholds alike.

Source: Gorishniy et al. 2022, arXiv:2203.05556 (piecewise-linear encoding); Holzmüller et al.
2024, arXiv:2407.04491 (robust scaling with a smooth clip).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from tasks.models.base import Matrix

_FIRST_PIECE_LOW = -3.0
_LAST_PIECE_HIGH = 4.0
_SMOOTH_CLIP = 3.0
# Bounds within which products and squares of float32 stay finite.
_LARGEST_VALUE = 1e18
_LARGEST_SCALED = 1e6


class Encoding(nn.Module):
    """Raw rows with gaps → codes; nothing in it is trained.

    Args:
        features: columns of the raw table.
        gaps: of these, columns that had missing values in training.
        bins: pieces of a column's code.

    Example:
        >>> encoding = Encoding.learn(np.random.default_rng(0).normal(size=(64, 3)), bins=4)
        >>> encoding.encode(encoding.fill(torch.zeros(2, 3))).shape  # columns, rows, bins + 1
        torch.Size([3, 2, 5])
    """

    median: Tensor
    gap_columns: Tensor
    low: Tensor
    inverse_width: Tensor
    least: Tensor
    most: Tensor
    center: Tensor
    inverse_scale: Tensor

    def __init__(self, features: int, gaps: int, bins: int) -> None:
        super().__init__()
        self.columns = features + gaps
        self.bins = bins
        self.register_buffer("median", torch.zeros(features))
        self.register_buffer("gap_columns", torch.zeros(gaps, dtype=torch.int64))
        for name in ("low", "inverse_width", "least", "most"):
            self.register_buffer(name, torch.zeros(self.columns, bins))
        for name in ("center", "inverse_scale"):
            self.register_buffer(name, torch.zeros(self.columns))

    @classmethod
    def learn(cls, table: Matrix, bins: int) -> Encoding:
        """Learn medians, quantiles and scales from training rows (n_rows, n_features)."""
        known = np.isfinite(table)
        gaps = np.flatnonzero(~known.all(axis=0))
        encoding = cls(table.shape[1], len(gaps), bins)
        encoding.gap_columns.copy_(torch.from_numpy(gaps))
        for j, column in enumerate(table.T):
            present = column[known[:, j]]
            encoding.median[j] = _median(present)
        filled = encoding.fill(torch.from_numpy(np.ascontiguousarray(table, np.float32))).numpy()
        for j, column in enumerate(filled.T):
            encoding._learn_column(j, column)
        return encoding

    def fill(self, table: Tensor) -> Tensor:
        """Close the gaps: (n, features) → (n, columns); what is not finite counts as missing."""
        known = torch.isfinite(table)
        bounded = torch.clamp(table, -_LARGEST_VALUE, _LARGEST_VALUE)
        filled = torch.where(known, bounded, self.median)
        marks = (~known[:, self.gap_columns]).to(filled.dtype)
        return torch.cat([filled, marks], dim=1)

    def encode(self, filled: Tensor) -> Tensor:
        """Write filled rows as codes: (n, columns) → (columns, n, bins + 1), scaled value last."""
        values = filled.T[:, :, None]
        pieces = (values - self.low[:, None]) * self.inverse_width[:, None]
        pieces = torch.clamp(pieces, self.least[:, None], self.most[:, None])
        scaled = (values - self.center[:, None, None]) * self.inverse_scale[:, None, None]
        scaled = torch.clamp(scaled, -_LARGEST_SCALED, _LARGEST_SCALED)
        scaled = scaled / torch.sqrt(1 + (scaled / _SMOOTH_CLIP) ** 2)
        return torch.cat([pieces, scaled], dim=2)

    def _learn_column(self, j: int, column: Matrix) -> None:
        grid = np.quantile(column, np.linspace(0, 1, self.bins + 1)).astype(np.float32)
        edges = np.unique(grid)
        if len(edges) < 2:
            edges = np.array([edges[0], np.nextafter(edges[0] + 1, np.inf)], np.float32)
        pieces = len(edges) - 1
        # Pieces beyond the last edge stay at zero: their width is "infinite".
        self.low[j, :pieces] = torch.from_numpy(edges[:-1])
        self.inverse_width[j, :pieces] = torch.from_numpy(_inverse(np.diff(edges)))
        self.most[j, :pieces] = 1.0
        self.least[j, 0] = _FIRST_PIECE_LOW
        self.most[j, pieces - 1] = _LAST_PIECE_HIGH
        low, middle, high = np.quantile(column, [0.25, 0.5, 0.75])
        spread = float(high - low) or float(column.max() - column.min()) / 2 or 1.0
        self.center[j] = float(middle)
        self.inverse_scale[j] = 1 / max(spread, 1 / _LARGEST_VALUE)


def _median(values: Matrix) -> float:
    inside = np.clip(values.astype(np.float64), -_LARGEST_VALUE, _LARGEST_VALUE)
    return float(np.median(inside)) if len(inside) else 0.0


def _inverse(widths: Matrix) -> Matrix:
    return np.asarray(1 / np.maximum(widths, 1 / _LARGEST_VALUE), np.float32)
