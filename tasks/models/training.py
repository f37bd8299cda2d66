"""The training loop of the networks: AdamW, a cyclic schedule, early stopping on what counts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tasks.core.errors import ModelError
from tasks.models.base import Conditions, Epoch, Fitted, History, Rows
from tasks.models.config import NetworkConfig
from tasks.models.encoding import Encoding
from tasks.models.metrics import average_precision, rank_rows
from tasks.models.network import Network, NetworkScorer, limited_threads


def fit_network(config: NetworkConfig, fit: Rows, stop: Rows, conditions: Conditions) -> Fitted:
    """Train a network; keep the epoch with the best average precision on the stop rows.

    Early stopping on average precision rather than on the loss is worth 0.01 of it on the
    card-fraud data.

    Args:
        config: the family's settings.
        fit: rows to learn from.
        stop: rows that decide which epoch is kept, with at least one positive.
        conditions: the seed of the initial weights and of the order of the rows.

    Raises:
        ModelError: the loss was not finite before any epoch was good.
    """
    with limited_threads(config.threads):
        trainer = _Trainer(config, fit, conditions.seed)
        return trainer.run(stop)


def coslog4(progress: float) -> float:
    """Learning-rate factor at a share of the training: four cycles, each twice as long.

    Source: Holzmüller et al. 2024, arXiv:2407.04491.
    """
    return 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * progress)))


def computes_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 matrices itself; emulation is slower."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


class _Trainer:
    def __init__(self, config: NetworkConfig, fit: Rows, seed: int) -> None:
        self.config = config
        encoding = Encoding.learn(fit.table, config.bins)
        self.table = torch.from_numpy(np.require(fit.table, np.float32, ["C", "W"]))
        self.labels = torch.tensor(fit.labels, dtype=torch.float32)
        self.network = Network(encoding, config, seed)
        self.order = torch.Generator().manual_seed(seed + 1)
        self.optimizer = _optimizer(self.network, config)
        self.half = config.precision == "bfloat16" or (
            config.precision == "auto" and computes_bfloat16()
        )
        self.weight = torch.tensor(config.positive_weight or 1.0)
        self.steps = math.ceil(len(self.labels) / config.batch_rows)

    def run(self, stop: Rows) -> Fitted:
        epochs: list[Epoch] = []
        best, kept, state = -math.inf, 0, dict[str, Tensor]()
        ended = f"all {self.config.epochs} epochs"
        for number in range(1, self.config.epochs + 1):
            loss = self._epoch(number)
            if not math.isfinite(loss):
                ended = f"the loss of epoch {number} was not finite"
                break
            reached = self._stop_metric(stop)
            epochs.append(Epoch(number, loss, reached))
            if reached > best:
                best, kept = reached, number
                state = {k: v.clone() for k, v in self.network.state_dict().items()}
            elif number - kept >= self.config.patience:
                ended = f"no better average precision for {self.config.patience} epochs"
                break
        if not state:
            raise ModelError(
                "a training that converges",
                found=ended,
                where="model",
                do="Lower model.learning_rate, or look for extreme values in the features.",
            )
        self.network.load_state_dict(state)
        scorer = NetworkScorer(self.network, self.config.threads)
        return Fitted(scorer, History(tuple(epochs), kept, ended))

    def _epoch(self, number: int) -> float:
        self.network.train().requires_grad_(True)
        total = 0.0
        for step, rows in enumerate(self._batches()):
            self._set_rate(((number - 1) * self.steps + step) / (self.config.epochs * self.steps))
            total += self._step(self.table[rows], self.labels[rows]) * len(rows)
        return total / len(self.labels)

    def _batches(self) -> Iterator[Tensor]:
        shuffled = torch.randperm(len(self.labels), generator=self.order)
        yield from torch.split(shuffled, self.config.batch_rows)

    def _step(self, table: Tensor, labels: Tensor) -> float:
        self.optimizer.zero_grad(set_to_none=True)
        codes = self.network.encoding(table)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            logits = self.network(codes)
        loss = functional.binary_cross_entropy_with_logits(
            logits.float(), labels[:, None].expand_as(logits), pos_weight=self.weight
        )
        loss.backward()  # type: ignore[no-untyped-call]
        clip = torch.nn.utils.clip_grad_norm_
        clip(self.network.parameters(), self.config.gradient_clip)
        self.optimizer.step()
        return float(loss.detach())

    def _set_rate(self, progress: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * coslog4(progress)

    def _stop_metric(self, stop: Rows) -> float:
        scores = NetworkScorer(self.network, self.config.threads).score(stop.table)
        if not np.isfinite(scores).all():
            return -math.inf
        return average_precision(rank_rows(stop.labels, scores))


def _optimizer(network: Network, config: NetworkConfig) -> torch.optim.AdamW:
    named = list(network.named_parameters())
    groups = [
        {"params": [p for n, p in named if "bias" not in n], "weight_decay": config.weight_decay},
        {"params": [p for n, p in named if "bias" in n], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
