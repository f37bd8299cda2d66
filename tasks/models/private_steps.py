"""Steps of a differentially private descent: a few rows by chance, clipped gradients, noise.

The gradients of single rows are torch's own (`torch.func`): the layers here are not those that
Opacus has rules for. Its accountant says how much noise a budget needs, and what was spent.

Source: Abadi et al. 2016, arXiv:1607.00133; Mironov et al. 2019, arXiv:1908.10530 (the accountant).
"""

from __future__ import annotations

import hashlib
import hmac
import math
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap

from tasks.core.errors import ConfigError
from tasks.models.privacy import Privacy, Spent
from tasks.models.training_config import NetworkTraining

_CHUNK_ROWS = 64  # whose gradients are held at once
_ALMOST = 1e-6


class PrivateSteps:
    """Gives a network's parameters gradients that tell little of any row.

    Args:
        module: the network.
        loss: positions of rows (n,) → their mean loss; of a row alone it depends on no other row.
        rows: how many training rows there are.
        config: `epochs` and `batch_rows`, the rows of a step on average.
        privacy: the budget.
        device: of the network.

    Raises:
        ConfigError: the chance beyond the budget is no smaller than one row's share, or the
            accountant is not installed.
    """

    def __init__(
        self,
        module: nn.Module,
        loss: Callable[[Tensor], Tensor],
        rows: int,
        config: NetworkTraining,
        privacy: Privacy,
        device: torch.device,
    ) -> None:
        _check_delta(privacy.delta, rows)
        self.rows, self.privacy, self.device = rows, privacy, device
        self.sample_rate = min(1.0, config.batch_rows / rows)
        self.steps_per_epoch = math.ceil(1 / self.sample_rate)
        self.noise_multiplier = _noise(
            privacy, self.sample_rate, config.most_epochs * self.steps_per_epoch
        )
        self.generator = torch.Generator().manual_seed(self.seed("noise"))
        self._of_row = _OfRow(module, loss)
        self._trained = {
            name: each for name, each in self._of_row.named_parameters() if each.requires_grad
        }
        self._gradients = vmap(
            grad_and_value(lambda trained, row: functional_call(self._of_row, trained, (row,))),
            in_dims=(None, 0),
            randomness="different",
        )

    def seed(self, purpose: str) -> int:
        """A number that nobody can tell without the budget's own seed."""
        drawn = hmac.digest(self.privacy.seed, purpose.encode(), hashlib.sha256)
        return int.from_bytes(drawn[:8], "big") >> 1

    def draw(self, generator: torch.Generator) -> list[Tensor]:
        """The rows of each step of an epoch: every row by a chance of its own, in each of them."""
        return [
            torch.nonzero(torch.rand(self.rows, generator=generator) < self.sample_rate)[:, 0]
            for _ in range(self.steps_per_epoch)
        ]

    def give_gradients(self, batch: Tensor) -> Tensor:
        """Set the gradient of each parameter; returns the mean loss of the rows, 0 of none."""
        trained = {name: each.detach() for name, each in self._trained.items()}
        sums = {name: torch.zeros_like(each) for name, each in trained.items()}
        losses = torch.zeros((), device=self.device)
        for rows in torch.split(batch, _CHUNK_ROWS) if len(batch) else ():
            gradients, found = self._gradients(trained, rows)
            squares = torch.stack([each.flatten(1).square().sum(1) for each in gradients.values()])
            norms = squares.sum(0).sqrt()
            kept = (self.privacy.max_grad_norm / (norms + _ALMOST)).clamp(max=1.0)
            for name, each in gradients.items():
                sums[name] += torch.tensordot(kept, each, dims=1)
            losses += found.sum()
        deviation = self.noise_multiplier * self.privacy.max_grad_norm
        for name, parameter in self._trained.items():
            noise = torch.randn(parameter.shape, generator=self.generator).to(self.device)
            parameter.grad = (sums[name] + deviation * noise) / (self.sample_rate * self.rows)
        return losses / max(len(batch), 1)

    def spent(self, steps: int) -> Spent:
        """What so many steps have told of a row."""
        from opacus.accountants import RDPAccountant

        accountant = RDPAccountant()
        accountant.history = [(self.noise_multiplier, self.sample_rate, steps)] if steps else []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of orders that another budget would need
            epsilon = float(accountant.get_epsilon(delta=self.privacy.delta)) if steps else 0.0
        return Spent(
            epsilon,
            self.privacy.delta,
            self.noise_multiplier,
            self.privacy.max_grad_norm,
            self.sample_rate,
            steps,
        )


class _OfRow(nn.Module):
    """The loss of one row as a module, whatever it calls."""

    def __init__(self, module: nn.Module, loss: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.module, self._loss = module, loss

    def forward(self, row: Tensor) -> Tensor:
        return self._loss(row[None])


def _noise(privacy: Privacy, sample_rate: float, steps: int) -> float:
    """The least noise by which so many steps stay within the budget."""
    try:
        from opacus.accountants.utils import get_noise_multiplier
    except ImportError as error:
        raise ConfigError(
            "the package opacus, whose accountant keeps the budget",
            found=f"none: {error}",
            where="training.privacy",
            do="Install it: pip install 'lamplighter[private]'",
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of orders that another budget would need
        try:
            noise = get_noise_multiplier(
                target_epsilon=privacy.epsilon,
                target_delta=privacy.delta,
                sample_rate=sample_rate,
                steps=steps,
                accountant="rdp",
            )
        except ValueError as error:
            raise ConfigError(
                f"a budget that {steps:,} steps of a share of {sample_rate:.2g} can keep",
                found=f"epsilon {privacy.epsilon:g} at delta {privacy.delta:g}: {error}",
                where="training.privacy",
                do="Raise epsilon or delta, or lower model.epochs or model.batch_rows.",
            ) from error
    return float(noise)


def _check_delta(delta: float, rows: int) -> None:
    if delta * rows >= 1:
        raise ConfigError(
            f"a delta below one over the {rows:,} training rows",
            found=f"{delta:g}",
            where="training.privacy.delta",
            do=f"Lower it: {0.1 / rows:.0e} say. A larger one would let rows be told as they are.",
        )
