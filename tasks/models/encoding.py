"""What a network learns about its inputs before training, kept as buffers of the network.

Each feature is written as a code: a piecewise-linear one over its training quantiles, a robustly
scaled value, and a mark where the value is missing. So a network sees heavy tails, thresholds and
gaps alike. The columns of one channel of a sequence or an image share one code.

Source: Gorishniy et al. 2022, arXiv:2203.05556 (piecewise-linear encoding); Holzmüller et al.
2024, arXiv:2407.04491 (robust scaling with a smooth clip).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from tasks.models.base import Matrix

EXTRA = 2  # the scaled value and the mark, after the pieces

_FIRST_PIECE_LOW = -3.0
_LAST_PIECE_HIGH = 4.0
_SMOOTH_CLIP = 3.0
# Bounds within which products and squares of float32 stay finite.
_LARGEST_VALUE = 1e18
_LARGEST_SCALED = 1e6
_MOST_VALUES = 2_000_000  # of columns that share a code, to learn it from


class Encoding(nn.Module):
    """Raw rows with gaps → codes; nothing in it is trained.

    Args:
        features: columns of the raw table.
        bins: pieces of a feature's code; 0 leaves its scaled value and its mark.

    Example:
        >>> table = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
        >>> Encoding.learn(table, bins=4)(torch.zeros(2, 3)).shape  # features, bins + 2, rows
        torch.Size([3, 6, 2])
    """

    median: Tensor
    low: Tensor
    inverse_width: Tensor
    least: Tensor
    most: Tensor
    inverse_scale: Tensor

    def __init__(self, features: int, bins: int) -> None:
        super().__init__()
        self.features, self.bins = features, bins
        for name in ("median", "inverse_scale"):
            self.register_buffer(name, torch.zeros(features, 1))
        for name in ("low", "inverse_width", "least", "most"):
            self.register_buffer(name, torch.zeros(features, bins, 1))

    @classmethod
    def learn(cls, table: Matrix, bins: int, groups: Sequence[int] = ()) -> Encoding:
        """Learn medians, quantiles and scales from training rows (n_rows, n_features).

        Columns of the same number in `groups` share a code; without groups each has its own.
        """
        encoding = cls(table.shape[1], bins)
        shared: dict[int, list[int]] = {}
        for j, group in enumerate(groups or range(table.shape[1])):
            shared.setdefault(group, []).append(j)
        for columns in shared.values():
            step = max(1, len(table) * len(columns) // _MOST_VALUES)
            values = table[::step, columns]
            known = values[np.isfinite(values)].astype(np.float64)
            known = np.clip(known, -_LARGEST_VALUE, _LARGEST_VALUE)
            encoding._learn_column(columns, known if len(known) else np.zeros(1))
        return encoding

    def forward(self, table: Tensor) -> Tensor:
        """(n, features) → (features, bins + 2, n); what is not finite counts as missing.

        Rows lie along the last dimension, so that each step below runs along whole columns.
        """
        columns = table.T.contiguous()
        missing = columns - columns != 0
        bounded = torch.clamp(columns, -_LARGEST_VALUE, _LARGEST_VALUE)
        filled = torch.where(missing, self.median, bounded)
        scaled = (filled - self.median).mul_(self.inverse_scale)
        scaled.clamp_(-_LARGEST_SCALED, _LARGEST_SCALED)
        scaled *= scaled.square().mul_(_SMOOTH_CLIP**-2).add_(1).rsqrt_()
        pieces = (filled[:, None] - self.low).mul_(self.inverse_width)
        # Two steps, since clamping between tensors takes several times as long.
        pieces = torch.minimum(torch.maximum(pieces, self.least), self.most)
        return torch.cat([pieces, scaled[:, None], missing[:, None].to(table.dtype)], dim=1)

    def _learn_column(
        self, columns: list[int], known: np.ndarray[tuple[int], np.dtype[np.float64]]
    ) -> None:
        if self.bins:
            self._learn_pieces(columns, known)
        low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
        spread = float(high - low) or float(known.max() - known.min()) / 2 or 1.0
        self.median[columns] = float(middle)
        self.inverse_scale[columns] = 1 / max(spread, 1 / _LARGEST_VALUE)

    def _learn_pieces(
        self, columns: list[int], known: np.ndarray[tuple[int], np.dtype[np.float64]]
    ) -> None:
        edges = _edges(known.astype(np.float32), self.bins)
        if len(edges) < 2:
            edges = np.array([edges[0], np.nextafter(edges[0] + 1, np.inf)], np.float32)
        pieces = len(edges) - 1
        # Pieces beyond the last edge keep width and bounds of 0: they stay at 0.
        self.low[columns, :pieces, 0] = torch.from_numpy(edges[:-1])
        widths = np.maximum(np.diff(edges), np.float32(1 / _LARGEST_VALUE))
        self.inverse_width[columns, :pieces, 0] = torch.from_numpy(1 / widths)
        self.most[columns, :pieces, 0] = 1.0
        self.least[columns, 0, 0] = _FIRST_PIECE_LOW
        self.most[columns, pieces - 1, 0] = _LAST_PIECE_HIGH


def _edges(
    known: np.ndarray[tuple[int], np.dtype[np.float32]], pieces: int
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Where a column's pieces begin and end, at most pieces + 1 of its values in ascending order.

    They are quantiles, but for values so frequent that more than one quantile would fall on them:
    such a value is an edge once, and the others are quantiles of the rest. So the rare large values
    of a column that is mostly 0 do not share a single piece.
    """
    values, counts = np.unique(known, return_counts=True)
    if len(values) <= pieces + 1:
        return values
    frequent, left, rest = list[int](), pieces + 1, len(known)
    for place in np.argsort(-counts, kind="stable")[: pieces - 1]:
        if counts[place] * left <= rest:
            break
        frequent.append(place)
        left, rest = left - 1, rest - counts[place]
    ranks = np.linspace(0, rest - 1, left)
    others = np.delete(values, frequent)
    places = np.searchsorted(np.cumsum(np.delete(counts, frequent)), ranks, side="right")
    return np.unique(np.concatenate([values[frequent], others[places]]))
