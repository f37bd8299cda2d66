"""Rows in units of their columns' usual spread, without gaps."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from tasks.models.base import Matrix

_LARGEST_VALUE = 1e18  # bounds within which products and squares of float32 stay finite
_FARTHEST = 30.0  # one wild column must not drown all others
_LEVEL = 1e-6  # share of its mean within which a column counts as constant


class Standard(nn.Module):
    """Mean and standard deviation of each column; nothing in it is trained.

    Args:
        features: columns of the table.

    Example:
        >>> standard = Standard.learn(np.array([[1.0], [3.0]], np.float32))
        >>> standard(torch.tensor([[5.0], [torch.nan]])).tolist()
        [[3.0], [0.0]]
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))

    @classmethod
    def learn(cls, table: Matrix) -> Standard:
        """Learn from rows (n_rows, n_features); what is not finite counts as missing."""
        standard = cls(table.shape[1])
        for j, column in enumerate(table.T):
            known = column[np.isfinite(column)].astype(np.float64)
            known = np.clip(known, -_LARGEST_VALUE, _LARGEST_VALUE)
            if not len(known):
                continue
            mean, spread = float(known.mean()), float(known.std())
            standard.mean[j] = mean
            standard.scale[j] = spread if spread > _LEVEL * max(1.0, abs(mean)) else 1.0
        return standard

    def forward(self, table: Tensor) -> Tensor:
        """(n_rows, n_features) within ±30; 0, the mean, where a value is missing."""
        bounded = torch.clamp(table, -_LARGEST_VALUE, _LARGEST_VALUE)
        scaled = torch.clamp((bounded - self.mean) / self.scale, -_FARTHEST, _FARTHEST)
        return torch.where(torch.isfinite(table), scaled, torch.zeros_like(scaled))
