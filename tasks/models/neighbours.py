"""Nearest neighbours: a row far from every usual row is odd. Exact, by chunks of matrix products.

Source: Ramaswamy, Rastogi & Shim 2000, doi:10.1145/342009.335437.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tasks.models.anomaly_config import NeighboursConfig
from tasks.models.base import AT_ONCE, Conditions, Fitted, Matrix, Rows
from tasks.models.devices import limited_threads
from tasks.models.normals import usual_rows
from tasks.models.standard import Standard
from tasks.models.stored import WEIGHTS, holding, tensors_of, to_files

_PRODUCT_CELLS = 8_000_000  # distances that are in memory at once
_SPARE = 3  # candidates beyond those asked for, as products in float32 may mistake the order


@dataclass(frozen=True, slots=True)
class _Found:
    """Standardised rows (n, f), the distances that count (n,), and whose they are (n,)."""

    rows: Tensor
    distances: Tensor
    neighbours: Tensor


class NeighboursScorer:
    """Usual rows to compare with, behind the protocol of `tasks.models.base.Scorer`.

    Args:
        config: which neighbour counts.
        standard: learned from the usual rows.
        usual: the rows, standardised (n_usual, n_features).
    """

    def __init__(self, config: NeighboursConfig, standard: Standard, usual: Tensor) -> None:
        self._config, self._standard, self._usual = config, standard, usual.contiguous()
        self._squares = (self._usual**2).sum(dim=1)

    def score(self, table: Matrix) -> Matrix:
        parts = [found.distances.numpy() for found in self._search(table)]
        return np.concatenate([np.empty(0, np.float32), *parts])

    def explain(self, table: Matrix) -> Matrix:
        """Each feature's share of the squared distance, over the distance; they start from 0."""
        parts = [np.empty((0, table.shape[1] + 1), np.float32)]
        for found in self._search(table):
            squares = (found.rows - self._usual[found.neighbours]) ** 2
            shares = squares / found.distances.clamp_min(1e-30)[:, None]
            parts.append(torch.nn.functional.pad(shares, (0, 1)).numpy())
        return np.concatenate(parts)

    def save(self) -> Mapping[str, bytes]:
        return to_files({**self._standard.state_dict(), "usual": self._usual})

    def _search(self, table: Matrix) -> Iterator[_Found]:
        rows = torch.from_numpy(np.array(table, np.float32))
        chunk = max(1, _PRODUCT_CELLS // len(self._usual))
        with torch.inference_mode(), limited_threads(self._config.threads):
            for part in torch.split(rows, chunk) if len(rows) else ():
                yield self._nearest(self._standard(part))

    def _nearest(self, rows: Tensor) -> _Found:
        last = min(self._config.neighbours, len(self._usual)) - 1
        count = min(last + 1 + _SPARE, len(self._usual))
        # The square of the row itself would not change the order of its neighbours.
        order = torch.addmm(self._squares, rows, self._usual.T, alpha=-2)
        near = order.topk(count, dim=1, largest=False, sorted=False).indices
        exact = [((rows - self._usual[near[:, j]]) ** 2).sum(dim=1) for j in range(count)]
        squares, places = torch.stack(exact, dim=1).sort(dim=1, stable=True)
        return _Found(rows, squares[:, last].sqrt(), near.gather(1, places)[:, last])


def fit_neighbours(
    config: NeighboursConfig, fit: Rows, _stop: Rows, conditions: Conditions
) -> Fitted:
    """Keep the usual rows, or a sample of them."""
    table, _ = usual_rows(fit, config.train_on)
    standard = Standard.learn(table)
    if len(table) > config.most_rows:
        generator = np.random.default_rng(conditions.seed)
        table = table[np.sort(generator.choice(len(table), config.most_rows, replace=False))]
    return Fitted(NeighboursScorer(config, standard, standard(torch.from_numpy(table))), AT_ONCE)


def load_neighbours(config: NeighboursConfig, files: Mapping[str, bytes]) -> NeighboursScorer:
    """Rebuild the rows to compare with.

    Raises:
        ModelError: the file does not hold them.
    """
    with holding("the rows that nearest neighbours are looked for among"):
        tensors = tensors_of(files[WEIGHTS])
        usual = tensors.pop("usual")
        if not usual.numel():
            raise ValueError(f"rows of shape {tuple(usual.shape)}")
        standard = Standard(usual.shape[1])
        standard.load_state_dict(tensors)
        return NeighboursScorer(config, standard, usual)
