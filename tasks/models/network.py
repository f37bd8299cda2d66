"""Encoding and body as one network, and the scorer around it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import safetensors.torch
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from tasks.models.base import MOST_CLASSES, Matrix, Target
from tasks.models.devices import limited_threads
from tasks.models.encoding import Encoding
from tasks.models.inputs import Inputs
from tasks.models.outcomes import log_chances, score_of
from tasks.models.stored import FACTS, WEIGHTS, check_plan, holding, tensors_of
from tasks.models.training_config import NetworkTraining

_SCORE_ROWS = 1024  # of a chunk: what is made of it stays within the cache
_EXPLAIN_VALUES = 4096
_EXPLAIN_STEPS = (32, 256)  # along the path; more for the rows that do not add up
_GAP = 0.01  # of a row's way from the start to its score, or of a value's spread

Body = Callable[[Inputs, Any, torch.Generator], nn.Module]


@runtime_checkable
class Merging(Protocol):
    """A part of a network that computes with weights made of its parameters."""

    def merge(self) -> None:
        """Make them once; `train` and `eval` undo it."""
        ...


class Network(nn.Module):
    """Codes → numbers of each head.

    Args:
        encoding: learned from the training rows, or empty and about to be loaded.
        body: (features, bins + 2, n) → (n, heads, outputs).
        target: what the outputs stand for.
    """

    center: Tensor
    spread: Tensor

    def __init__(self, encoding: Encoding, body: nn.Module, target: Target) -> None:
        super().__init__()
        self.encoding, self.body, self.target = encoding, body, target
        # Of a value; without a part in anything else.
        self.register_buffer("center", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))

    def forward(self, codes: Tensor) -> Tensor:
        """(features, bins + 2, n) → (n, heads, outputs)."""
        numbers: Tensor = self.body(codes)
        return numbers

    def score(self, codes: Tensor) -> Tensor:
        """(features, bins + 2, n) → (n,), as `Scorer.score` says."""
        return self.center + self.spread * score_of(self.body(codes).float(), self.target)


def build(body: Body, inputs: Inputs, config: Any, bins: int, seed: int) -> Network:
    """A network with fresh weights and an encoding that has learned nothing yet."""
    generator = torch.Generator().manual_seed(seed)
    encoding = Encoding(inputs.features, bins)
    return Network(encoding, body(inputs, config, generator), inputs.target)


def merge(network: Network) -> None:
    """Have each part that can merge weights do so now, rather than for every chunk of rows."""
    for part in network.modules():
        if isinstance(part, Merging):
            part.merge()


class NetworkScorer:
    """A trained network behind the protocol of `tasks.models.base.ClassScorer`."""

    def __init__(self, network: Network, inputs: Inputs, config: NetworkTraining) -> None:
        self.network = network.eval().requires_grad_(False)
        merge(network)
        self.inputs, self._threads = inputs, config.threads
        self._half = config.scoring_precision == "bfloat16"

    def score(self, table: Matrix) -> Matrix:
        return self._apply(self.network.score, table)

    def outputs(self, table: Matrix) -> Matrix:
        return self._apply(lambda codes: log_chances(self.network(codes).float()), table)

    def explain(self, table: Matrix) -> Matrix:
        """Integrated gradients in the space of codes, from the median row, by the midpoint rule.

        A path through the raw values would cross every kink of the encoding; codes are linear up
        to the network's own, so that few steps add up to the score.

        Source: Sundararajan, Taly & Yan 2017, arXiv:1703.01365.
        """
        rows = torch.from_numpy(np.ascontiguousarray(table, np.float32))
        size = max(1, _EXPLAIN_VALUES // rows.shape[1])
        with limited_threads(self._threads):
            parts = [self._attribute(chunk) for chunk in torch.split(rows, size) if len(chunk)]
        return torch.cat(parts).numpy() if parts else np.empty((0, rows.shape[1] + 1), np.float32)

    def save(self) -> Mapping[str, bytes]:
        state = {name: value.contiguous() for name, value in self.network.state_dict().items()}
        facts = {FACTS: _facts(self.inputs)}
        return {WEIGHTS: safetensors.torch.save(state, facts)}

    @classmethod
    def load(cls, body: Body, config: Any, files: Mapping[str, bytes]) -> NetworkScorer:
        """Rebuild a network from its weights.

        Raises:
            ModelError: the file is no safetensors, or holds another network than `config` names.
        """
        with holding("the weights of the network that the configuration describes"):
            content = files[WEIGHTS]
            state, inputs = tensors_of(content), _inputs(content)
            features, bins, _ = state["encoding.low"].shape
            _check_inputs(inputs, features)
            with torch.device("meta"):
                check_plan(build(body, inputs, config, bins, seed=0), state)
            network = build(body, inputs, config, bins, seed=0)
            network.load_state_dict(state)
        return cls(network, inputs, config)

    def _apply(self, read: Callable[[Tensor], Tensor], table: Matrix) -> Matrix:
        """Encode rows chunk by chunk, and have the codes read; where the network is."""
        if not len(table):  # which not every layer takes
            return self._apply(read, np.zeros((1, table.shape[1]), np.float32))[:0]
        rows = torch.from_numpy(np.ascontiguousarray(table, np.float32))
        device = self.network.center.device
        half = torch.autocast(device.type, torch.bfloat16, enabled=self._half)
        with torch.inference_mode(), limited_threads(self._threads), half:
            parts = [
                read(self.network.encoding(chunk.to(device))).cpu()
                for chunk in torch.split(rows, _SCORE_ROWS)
            ]
        return torch.cat(parts).numpy()

    def _attribute(self, rows: Tensor) -> Tensor:
        """The shares of a few rows, with more steps where few do not add up."""
        with torch.no_grad():
            scores = self.network.score(self.network.encoding(rows))
        shares = self._shares(rows, _EXPLAIN_STEPS[0])
        for steps in _EXPLAIN_STEPS[1:]:
            way = torch.clamp((scores - shares[:, -1]).abs(), min=float(self.network.spread))
            for row in torch.nonzero((scores - shares.sum(dim=1)).abs() > _GAP * way)[:, 0]:
                shares[row] = self._shares(rows[row : row + 1], steps)[0]
        return shares

    def _shares(self, rows: Tensor, steps: int) -> Tensor:
        network, encoding, count = self.network, self.network.encoding, len(rows)
        start = encoding(encoding.median.T)
        away = encoding(rows) - start
        places = (torch.arange(steps) + 0.5) / steps
        path = (start[..., None] + places * away[..., None]).flatten(2)
        path.requires_grad_(True)
        (gradient,) = torch.autograd.grad(network.score(path).sum(), path)
        slope = gradient.view(*away.shape, steps).mean(dim=3)
        shares = (slope * away).sum(dim=1).T
        base = network.score(start).expand(count)
        return torch.cat([shares, base[:, None]], dim=1).detach()


def _facts(inputs: Inputs) -> str:
    return TypeAdapter(Inputs).dump_json(inputs).decode()


def _check_inputs(inputs: Inputs, features: int) -> None:
    """Hold what a header says against the encoding's own columns."""
    if inputs.features != features or len(inputs.names) not in (0, features):
        raise ValueError(f"{inputs.features} features, {len(inputs.names)} names, {features} codes")
    classes, normal = len(inputs.target.classes), inputs.target.normal
    if classes > MOST_CLASSES or not 0 <= normal < max(classes, 1):
        raise ValueError(f"class {normal} of {classes} as the normal one")


def _inputs(content: bytes) -> Inputs:
    """What the header of a safetensors file says the network reads and gives."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return TypeAdapter(Inputs).validate_json(header["__metadata__"][FACTS])
