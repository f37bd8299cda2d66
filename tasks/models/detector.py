"""Networks that learn what is usual, and the scorer around them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from tasks.core.keys import canonical_json
from tasks.models.base import Matrix
from tasks.models.devices import limited_threads
from tasks.models.standard import Standard
from tasks.models.stored import FACTS, to_files

_SCORE_ROWS = 4096
_EXPLAIN_ROWS = 64
_EXPLAIN_STEPS = 64


class Detector(nn.Module):
    """A network that says how odd rows are.

    Args:
        standard: learned from the usual rows.

    Shape:
        (n_rows, n_features) as they come, NaN where a value is missing → (n_rows,)
    """

    stops_early = True  # whether its loss says which epoch is best; else the last one is kept

    def __init__(self, standard: Standard) -> None:
        super().__init__()
        self.standard = standard

    def forward(self, table: Tensor) -> Tensor:
        return self.oddness(self.standard(table), torch.isfinite(table))

    def oddness(self, rows: Tensor, known: Tensor) -> Tensor:
        """How odd standardised rows are, (n_rows,); `known` is where they have values."""
        raise NotImplementedError

    def losses(self, rows: Tensor, known: Tensor) -> Tensor:
        """What training makes small, of each row (n_rows,)."""
        return self.oddness(rows, known)

    def begin(self, rows: Tensor, known: Tensor) -> None:
        """Learn from the usual rows what has to be known before training."""

    def finish(self, rows: Tensor, known: Tensor) -> None:
        """Learn from the usual rows what can be known only after training."""

    def shares(self, table: Tensor) -> Tensor:
        """Each row's oddness by feature, and where it starts from: (n_rows, n_features + 1).

        Integrated gradients from the mean row, by the midpoint rule.

        Source: Sundararajan, Taly & Yan 2017, arXiv:1703.01365.
        """
        rows, known = self.standard(table), torch.isfinite(table)
        steps = (torch.arange(_EXPLAIN_STEPS) + 0.5) / _EXPLAIN_STEPS
        path = (steps[:, None, None] * rows).flatten(0, 1).requires_grad_(True)
        there = known.repeat(_EXPLAIN_STEPS, 1)
        (slopes,) = torch.autograd.grad(self.oddness(path, there).sum(), path)
        parts = rows * slopes.view(_EXPLAIN_STEPS, *rows.shape).mean(dim=0)
        start = self.oddness(torch.zeros_like(rows), known)
        return torch.cat([parts, start[:, None]], dim=1).detach()


class Reconstruction(Detector):
    """A detector whose oddness is how badly it gives each feature back."""

    def errors(self, rows: Tensor, known: Tensor) -> Tensor:
        """Each feature's part of a row's error (n_rows, n_features); 0 where nothing is known."""
        return (self.restore(rows, known) - rows) ** 2 * known / rows.shape[1]

    def restore(self, rows: Tensor, known: Tensor) -> Tensor:
        """Standardised rows as the network gives them back."""
        raise NotImplementedError

    def oddness(self, rows: Tensor, known: Tensor) -> Tensor:
        return self.errors(rows, known).sum(dim=1)

    def shares(self, table: Tensor) -> Tensor:
        """The errors themselves: they start from 0 and add up."""
        errors = self.errors(self.standard(table), torch.isfinite(table))
        return nn.functional.pad(errors, (0, 1))


class DetectorScorer:
    """A trained detector behind the protocol of `tasks.models.base.Scorer`."""

    def __init__(self, detector: Detector, names: tuple[str, ...], threads: int) -> None:
        self.detector = detector.eval().requires_grad_(False)
        self._names, self._threads = names, threads

    def score(self, table: Matrix) -> Matrix:
        rows = torch.from_numpy(np.array(table, np.float32))
        with torch.inference_mode(), limited_threads(self._threads):
            parts = [self.detector(part) for part in torch.split(rows, _SCORE_ROWS) if len(part)]
        return torch.cat([torch.empty(0), *parts]).numpy()

    def explain(self, table: Matrix) -> Matrix:
        rows = torch.from_numpy(np.array(table, np.float32))
        with limited_threads(self._threads):
            chunks = [part for part in torch.split(rows, _EXPLAIN_ROWS) if len(part)]
            parts = [self.detector.shares(part) for part in chunks]
        return torch.cat([torch.empty(0, rows.shape[1] + 1), *parts]).numpy()

    def save(self) -> Mapping[str, bytes]:
        facts = canonical_json({"names": list(self._names)})
        return {**to_files(self.detector.state_dict()), FACTS: facts}
