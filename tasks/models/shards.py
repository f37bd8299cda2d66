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
