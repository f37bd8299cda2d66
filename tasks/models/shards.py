"""The share of a training that one process has, where several train one network together.

Torch's distributed data parallel averages the gradients; here is what else they must agree on.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel


class Shard:
    """This process among those that train together; alone where none were launched."""

    def __init__(self, device: torch.device) -> None:
        together = distributed.is_available() and distributed.is_initialized()
        self.device = device
        self.rank = distributed.get_rank() if together else 0
        self.count = distributed.get_world_size() if together else 1

    @classmethod
    def alone(cls, device: torch.device) -> Shard:
        """This process by itself, whether or not others train with it."""
        shard = cls(device)
        shard.rank, shard.count = 0, 1
        return shard

    @property
    def is_alone(self) -> bool:
        """Whether no other process trains the same network."""
        return self.count == 1

    def loss(
        self, module: nn.Module, loss: Callable[[Tensor], Tensor]
    ) -> Callable[[Tensor], Tensor]:
        """A loss of the whole batch whose gradient is the same in every process."""
        if self.is_alone:
            return loss
        # On a graphics processor it lies on the one that the process has chosen.
        shared = DistributedDataParallel(
            _Loss(module, loss), broadcast_buffers=False, find_unused_parameters=True
        )

        def of_own_share(batch: Tensor) -> Tensor:
            own = batch[self.rank :: self.count]
            # The mean over processes is to be the mean over rows, also where shares differ.
            found: Tensor = shared(own) * (len(own) * self.count / len(batch))
            return found

        return of_own_share

    def trimmed_mean(self, losses: Tensor, trim: float) -> Tensor:
        """The mean of the smallest losses of a batch, of which each process has its share (n,).

        Which are the smallest is decided among all shares. `loss` weighs what a process gives by
        its rows: so weighed, these are the gradients of the mean over the whole batch.

        Args:
            losses: of the own rows.
            trim: share of the batch that is left out.
        """
        whole, begins = (losses, 0) if self.is_alone or not trim else self._gathered(losses)
        kept = max(1, round(len(whole) * (1 - trim)))
        if whole is losses:
            return losses.topk(kept, largest=False, sorted=False).values.mean()
        places = whole.argsort(stable=True)[:kept] - begins
        own = places[(places >= 0) & (places < len(losses))]
        return losses[own].sum() * (len(whole) / (kept * len(losses)))

    def _gathered(self, losses: Tensor) -> tuple[Tensor, int]:
        """The losses of all shares, and where the own ones begin among them."""
        size = torch.tensor([len(losses)], device=losses.device)
        sizes = [torch.empty_like(size) for _ in range(self.count)]
        distributed.all_gather(sizes, size)
        counts = [int(each) for each in sizes]
        padded = losses.detach().new_zeros(max(counts))
        padded[: len(losses)] = losses.detach()
        found = [torch.empty_like(padded) for _ in counts]
        distributed.all_gather(found, padded)
        whole = torch.cat([part[:count] for part, count in zip(found, counts, strict=True)])
        return whole, sum(counts[: self.rank])

    def mean(self, value: float) -> float:
        """The mean of a number over the processes."""
        if self.is_alone:
            return value
        total = torch.tensor([value], device=self.device)
        distributed.all_reduce(total)
        return total.item() / self.count

    def from_first(self, measure: Callable[[], float]) -> float:
        """What the first process measures, told to all."""
        if self.is_alone:
            return measure()
        value = torch.tensor([measure() if self.rank == 0 else 0.0], device=self.device)
        distributed.broadcast(value, 0)
        return value.item()


class _Loss(nn.Module):
    """A loss as a module, so that the network's gradients are averaged whatever it calls."""

    def __init__(self, module: nn.Module, loss: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.module, self._loss = module, loss

    def forward(self, rows: Tensor) -> Tensor:
        return self._loss(rows)
