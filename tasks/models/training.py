"""The training loop of every network: AdamW, a schedule, early stopping, checkpoints.

The caller says what the network is trained for (`Objective`); rows are slices of tensors it holds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tasks.core.errors import ModelError
from tasks.core.keys import digest, digest_bytes
from tasks.models.base import Conditions, Epoch, History
from tasks.models.descent import Descent
from tasks.models.devices import (
    choose_device,
    computes_in_half,
    limited_threads,
    own_randomness,
    random_states,
    set_random_states,
)
from tasks.models.privacy import Privacy, Spent
from tasks.models.private_steps import PrivateSteps
from tasks.models.progress import Progress, State, from_bytes, to_bytes
from tasks.models.schedules import rate_factor
from tasks.models.shards import Shard
from tasks.models.training_config import NetworkTraining

_RANKS_APART = 1_000_003  # between the seeds of processes that train together
_LOOK_STEPS = 100  # steps between two looks at the loss: each makes the processor wait
_DIVERGED = 10.0  # times the loss of the first epoch


@dataclass(frozen=True, slots=True)
class Objective:
    """What a network is trained for.

    Args:
        loss: positions of training rows, int64 (n_batch,) on the device of the training → the mean
            loss of these rows, a scalar. It calls the network, in training mode; what torch's
            global generator gives it depends on the seed alone.
        stop_metric: how good the network is now, in evaluation mode; higher is better. None where
            nothing tells: each epoch counts as better than the one before.
        rows: how many training rows there are.
        stop_name: what the stop metric is called.
        draw: a generator → positions of the rows of an epoch, in order; None for each row once.
    """

    loss: Callable[[Tensor], Tensor]
    stop_metric: Callable[[], float] | None
    rows: int
    stop_name: str = "stop metric"
    draw: Callable[[torch.Generator], Tensor] | None = None


def train_network(
    module: nn.Module, objective: Objective, config: NetworkTraining, conditions: Conditions
) -> History:
    """Train a network, and leave it with the weights of the epoch with the best stop metric.

    The same seed gives the same weights, whether or not the training was killed and went on from
    its checkpoint (of several processes with dropout: other weights, as good).

    Args:
        module: the network, on the device of `choose_device(config.device)`; parameters that
            require no gradient stay as they are. It comes back on the processor, in evaluation
            mode.
        objective: what it is trained for.
        config: how.
        conditions: the seed of the order of the rows and of whatever is drawn; where the state is
            kept. The module has begun from its weights already (`tasks.models.beginning`).

    Raises:
        ModelError: the loss or the stop metric was not finite before any epoch was good.
    """
    device = choose_device(config.device)
    seed = conditions.seed + 2 + _RANKS_APART * Shard(device).rank
    with limited_threads(config.threads), own_randomness(seed, device):
        return _Training(module, objective, config, conditions, device).run()


class _Training:
    def __init__(
        self,
        module: nn.Module,
        objective: Objective,
        config: NetworkTraining,
        conditions: Conditions,
        device: torch.device,
    ) -> None:
        self.module, self.objective, self.config, self.device = module, objective, config, device
        self.checkpoint, self.watch = conditions.checkpoint, conditions.watch
        self.order = torch.Generator().manual_seed(conditions.seed + 1)
        self.order_state = self.order.get_state()  # as it was when the epoch began
        self.descent = Descent(module, config)
        self.half = computes_in_half(config.precision, device)
        self.shard = Shard(device)
        self.private = self._private_steps(conditions.privacy)
        self.best: dict[str, Tensor] = {}
        self.pending: list[tuple[Tensor, int]] = []  # losses nobody has looked at, and their rows
        self.progress = Progress()
        self.task = _task(module, objective, config, conditions)
        self.finished: dict[str, State] = {}  # other networks of the same model
        self.written = time.monotonic()  # it decides when a state is kept, never what it holds

    def run(self) -> History:
        was_finished = self._go_on()
        self.loss = self.shard.loss(self.module, self.objective.loss)
        while not self.progress.ended:
            self._epoch()
        if not was_finished:
            self._keep()
        if not self.progress.kept:
            raise ModelError(
                "a training that converges",
                found=self.progress.ended,
                where="model",
                do="Lower model.learning_rate, or look for extreme values in the features.",
            )
        self.module.load_state_dict(self.best)
        self.module.cpu().eval()
        return History(
            tuple(self.progress.epochs), self.progress.kept, self.progress.ended, self._spent()
        )

    def _private_steps(self, privacy: Privacy | None) -> PrivateSteps | None:
        if privacy is None:
            return None
        config, objective = self.config, self.objective
        steps = PrivateSteps(
            self.module, objective.loss, objective.rows, config, privacy, self.device
        )
        self.order.manual_seed(steps.seed("order"))
        return steps

    def _spent(self) -> Spent | None:
        if self.private is None:
            return None
        whole = len(self.progress.epochs) * self.private.steps_per_epoch
        return self.private.spent(whole + self.progress.step)

    def _epoch(self) -> None:
        """Train to the end of an epoch, and decide whether there is another."""
        progress, number = self.progress, len(self.progress.epochs) + 1
        self.order_state = self.order.get_state()
        batches = self._batches()
        self.module.train()
        self.descent.wake()
        for batch in batches[progress.step :]:
            self._step(batch, (number - 1 + progress.step / len(batches)) / self.config.most_epochs)
            if not self._looked() and self.shard.is_alone:
                break
        self._look()
        loss = self.shard.mean(progress.losses) / max(sum(map(len, batches)), 1)
        if not math.isfinite(loss):
            progress.ended = f"the loss of epoch {number} was not finite"
            return
        self.module.eval()
        measure = self.objective.stop_metric
        reached = float(number) if measure is None else self.shard.from_first(measure)
        self._judge(Epoch(number, loss, reached))
        progress.step, progress.losses = 0, 0.0

    def _batches(self) -> Sequence[Tensor]:
        if self.private is not None:
            return [batch.to(self.device) for batch in self.private.draw(self.order)]
        batches = torch.split(self._draw().to(self.device), self.config.batch_rows)
        # Of a smaller last one a process would have no row.
        return batches[:-1] if len(batches[-1]) < self.shard.count else batches

    def _draw(self) -> Tensor:
        if self.objective.draw is not None:
            return self.objective.draw(self.order)
        return torch.randperm(self.objective.rows, generator=self.order)

    def _step(self, batch: Tensor, done: float) -> None:
        reached = [epoch.stop_metric for epoch in self.progress.epochs]
        factor = rate_factor(self.config, done, reached)
        if self.private is not None:
            loss = self.private.give_gradients(batch)
            self.descent.step_by(factor)
        else:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
                loss = self.loss(batch)
            self.descent.step(loss, factor)
        self.pending.append((loss.detach(), len(batch)))
        self.progress.step += 1

    def _looked(self) -> bool:
        """Look at the loss and keep the state where it is time to; false if it is not finite."""
        due = time.monotonic() - self.written >= self.config.checkpoint_seconds
        if not due and len(self.pending) < _LOOK_STEPS:
            return True
        finite = self._look()
        if finite and due:
            self._keep()
        return finite

    def _look(self) -> bool:
        """Add up the losses that are pending; whether all of the epoch are finite."""
        if self.pending:
            values = torch.stack([loss for loss, _ in self.pending]).tolist()
            for value, (_, rows) in zip(values, self.pending, strict=True):
                self.progress.losses += value * rows
            self.pending.clear()
        return math.isfinite(self.progress.losses)

    def _judge(self, epoch: Epoch) -> None:
        """Keep the network's state if it is the best so far, and decide whether to go on."""
        progress, config = self.progress, self.config
        if not math.isfinite(epoch.stop_metric):
            progress.ended = f"the {self.objective.stop_name} of epoch {epoch.number} is not finite"
            return
        progress.epochs.append(epoch)
        if self.watch is not None:
            self.watch(epoch)
        if epoch.stop_metric > progress.best:
            progress.best, progress.kept = epoch.stop_metric, epoch.number
            self.best = {name: each.clone() for name, each in self.module.state_dict().items()}
        elif epoch.number - progress.kept >= config.patience:
            progress.ended = f"no better {self.objective.stop_name} for {config.patience} epochs"
        if 0 < _DIVERGED * progress.epochs[0].loss < epoch.loss:
            progress.ended = f"the loss of epoch {epoch.number} is {epoch.loss:.3g}: it diverged"
        if not progress.ended and epoch.number == config.most_epochs:
            progress.ended = f"all {config.most_epochs} epochs"

    def _keep(self) -> None:
        """Write the state to the checkpoint; of a finished training only what it found."""
        if self.checkpoint is None or self.shard.rank:
            return
        tensors: dict[str, Mapping[str, Tensor]] = {"best": self.best}
        if not self.progress.ended:
            tensors["module"] = self.module.state_dict()
            tensors["optimizer"] = self.descent.save()
            random = {**random_states(self.device), "order": self.order_state}
            if self.private is not None:
                random["noise"] = self.private.generator.get_state()
            tensors["random"] = random
        state = State(self.progress, tensors)
        self.checkpoint.write(to_bytes({**self.finished, self.task: state}))
        self.written = time.monotonic()

    def _go_on(self) -> bool:
        """Take up the state of the checkpoint, if it is of this very training.

        Returns:
            Whether the training was finished.
        """
        found = from_bytes(self.checkpoint.read()) if self.checkpoint is not None else {}
        own = found.pop(self.task, None)
        self.finished = {task: state for task, state in found.items() if state.progress.ended}
        if own is None:
            return False
        self.progress, tensors = own.progress, own.tensors
        self.best = {name: each.to(self.device) for name, each in tensors.get("best", {}).items()}
        if self.watch is not None:
            for epoch in self.progress.epochs:
                self.watch(epoch)
        if self.progress.ended:
            return True
        self.module.load_state_dict(tensors["module"])
        self.descent.load(tensors.get("optimizer", {}))
        random = dict(tensors["random"])
        self.order.set_state(random.pop("order"))
        if self.private is not None:
            self.private.generator.set_state(random.pop("noise"))
        if self.shard.is_alone:
            set_random_states(random)
        return False


def _task(
    module: nn.Module, objective: Objective, config: NetworkTraining, conditions: Conditions
) -> str:
    """Digest of what is trained, on how many rows, and how; not of the rows themselves."""
    shapes = {name: list(each.shape) for name, each in module.state_dict().items()}
    how = config.model_dump(mode="json", exclude={"checkpoint_seconds"})
    start = {name: digest_bytes(each) for name, each in (conditions.start or {}).items()}
    asked = conditions.privacy
    budget = asked and [asked.epsilon, asked.delta, asked.max_grad_norm, digest_bytes(asked.seed)]
    return digest([shapes, objective.rows, how, conditions.seed, start, budget])
