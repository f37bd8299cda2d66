"""Train a network on what is usual, in steps whose number depends little on that of the rows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tasks.core.errors import ModelError
from tasks.models.anomaly_config import AnomalyNetwork
from tasks.models.base import Conditions, Family, Fitted, Matrix, Rows
from tasks.models.beginning import begin_from
from tasks.models.detector import Detector, DetectorScorer
from tasks.models.devices import choose_device, own_randomness
from tasks.models.normals import TRIM_UNLABELLED, usual_rows
from tasks.models.shards import Shard
from tasks.models.standard import Standard
from tasks.models.stored import FACTS, WEIGHTS, check_plan, holding, tensors_of
from tasks.models.training import Objective, train_network

_SAMPLE_ROWS = 4096  # rows that decide when to stop, and that tell what is needed besides weights
_CPU = torch.device("cpu")

Build = Callable[[Any, Standard, tuple[str, ...]], Detector]


def detector_family(build: Build) -> Family:
    """A family of the zoo from what builds its networks.

    Args:
        build: config, standard and names of the features → a network with fresh weights, drawn
            from torch's global generator. Raises ModelError where it cannot read such rows.
    """

    def fit(config: AnomalyNetwork, fit: Rows, stop: Rows, conditions: Conditions) -> Fitted:
        return _fit(build, config, fit, stop, conditions)

    def load(config: AnomalyNetwork, files: Mapping[str, bytes]) -> DetectorScorer:
        return _load(build, config, files)

    return Family(fit, load)


def _fit(
    build: Build, config: AnomalyNetwork, fit: Rows, stop: Rows, conditions: Conditions
) -> Fitted:
    table, normal = usual_rows(fit, config.train_on)
    with own_randomness(conditions.seed, _CPU):
        detector = build(config, Standard.learn(table), fit.names)
        detector.begin(*_sample(detector, table))
    begin_from(detector, conditions.start)
    trim = config.trim if config.trim is not None else 0.0 if normal else TRIM_UNLABELLED
    lesson = _Lesson.of(detector, table, _held(table, stop, config), trim, config)
    steps = _Steps.of(config, len(table))
    measure = lesson.stop_metric if detector.stops_early else None
    objective = Objective(lesson.loss, measure, len(table), "loss", steps.draw)
    changed = config.model_copy(update={"epochs": steps.epochs})
    history = train_network(detector, objective, changed, conditions)
    with torch.no_grad():
        detector.finish(*_sample(detector, table))
    return Fitted(DetectorScorer(detector, fit.names, config.threads), history)


def _load(build: Build, config: AnomalyNetwork, files: Mapping[str, bytes]) -> DetectorScorer:
    with holding(f"the network of {type(config).__name__} that the configuration describes"):
        names = tuple(json.loads(files[FACTS])["names"])
        state = tensors_of(files[WEIGHTS])
        (features,) = state["standard.mean"].shape
        if len(names) not in (0, features):
            raise ValueError(f"{len(names)} names of {features} columns")
        with torch.device("meta"), own_randomness(0, _CPU):
            check_plan(build(config, Standard(features), names), state)
        with own_randomness(0, _CPU):
            detector = build(config, Standard(features), names)
        detector.load_state_dict(state)
        return DetectorScorer(detector, names, config.threads)


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What a detector is trained for.

    Args:
        detector: the network, on its device.
        table: the usual rows, on its device.
        held: the usual rows among those that decide when to stop.
        trim: share of each batch that the loss leaves out.
    """

    detector: Detector
    table: Tensor
    held: Tensor
    trim: float

    @classmethod
    def of(
        cls, detector: Detector, table: Matrix, held: Matrix, trim: float, config: AnomalyNetwork
    ) -> _Lesson:
        device = choose_device(config.device)
        rows, stop = (torch.from_numpy(each).to(device) for each in (table, held))
        return cls(detector.to(device), rows, stop, trim)

    def loss(self, places: Tensor) -> Tensor:
        """The loss of a batch, or of the own share of one."""
        losses = self._losses(self.table[places])
        return Shard(losses.device).trimmed_mean(losses, self.trim)

    def stop_metric(self) -> float:
        """Minus the loss of the stop rows."""
        with torch.no_grad():
            losses = self._losses(self.held)
        return -float(Shard.alone(losses.device).trimmed_mean(losses, self.trim))

    def _losses(self, table: Tensor) -> Tensor:
        return self.detector.losses(self.detector.standard(table), torch.isfinite(table))


@dataclass(frozen=True, slots=True)
class _Steps:
    """Epochs of one length: a share of all steps, but at least every row once.

    Args:
        rows: how many rows there are.
        epochs: how many epochs there are.
        turns: how often an epoch goes through the rows.
    """

    rows: int
    epochs: int
    turns: int

    @classmethod
    def of(cls, config: AnomalyNetwork, rows: int) -> _Steps:
        once = math.ceil(rows / config.batch_rows)
        steps = min(max(config.passes * once, config.least_steps), config.most_steps)
        turns = max(1, round(steps / (config.epochs * once)))
        return cls(rows, max(1, min(config.epochs, round(steps / (turns * once)))), turns)

    def draw(self, generator: torch.Generator) -> Tensor:
        """The rows in a new order, as often as an epoch goes through them."""
        return torch.cat(
            [torch.randperm(self.rows, generator=generator) for _ in range(self.turns)]
        )


def _held(table: Matrix, stop: Rows, config: AnomalyNetwork) -> Matrix:
    """The usual rows that decide when to stop; without any, those fitted on."""
    try:
        held, _ = usual_rows(stop, config.train_on)
    except ModelError:
        held = table
    return _thinned(held)


def _sample(detector: Detector, table: Matrix) -> tuple[Tensor, Tensor]:
    rows = torch.from_numpy(_thinned(table))
    return detector.standard(rows), torch.isfinite(rows)


def _thinned(table: Matrix) -> Matrix:
    return np.ascontiguousarray(table[:: -(-len(table) // _SAMPLE_ROWS)])
