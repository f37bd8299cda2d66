"""Encoding, embedding and body as one network, and the scorer around it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional

from tasks.core.errors import ModelError
from tasks.models.base import Matrix
from tasks.models.config import MlpConfig, NetworkConfig, TabMConfig
from tasks.models.devices import limited_threads
from tasks.models.encoding import Encoding
from tasks.models.initial import normal, zeros
from tasks.models.mlp import Mlp
from tasks.models.tabm import TabM

_SCORE_ROWS = 8192
_EXPLAIN_ROWS = 64
_EXPLAIN_STEPS = 32
WEIGHTS = "safetensors"


class Network(nn.Module):
    """Codes → one logit for each head.

    Each column's code has an embedding of its own: a linear map and a ReLU.

    Args:
        encoding: learned from the training rows, or empty and about to be loaded.
        config: the family's settings.
        seed: of the initial weights.
    """

    def __init__(self, encoding: Encoding, config: NetworkConfig, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        features, width = encoding.features, config.embedding
        self.encoding = encoding
        pieces = normal((features, config.bins, width), 0.3 * config.bins**-0.5, generator)
        scaled = normal((features, 1, width), 0.5, generator)
        # A mark that training never raises keeps its weight of 0.
        weights = [pieces.detach(), scaled.detach(), torch.zeros_like(scaled)]
        self.embedding_weight = nn.Parameter(torch.cat(weights, dim=1))
        self.embedding_bias = zeros((features, 1, width))
        self.body = _body(features * width, config, generator)

    def forward(self, codes: Tensor) -> Tensor:
        """(features, n, bins + 2) → (n, heads)."""
        embedded = torch.baddbmm(self.embedding_bias, codes, self.embedding_weight)
        rows: Tensor = self.body(torch.relu(embedded).transpose(0, 1).flatten(1))
        return rows


class NetworkScorer:
    """A trained network behind the protocol of `tasks.models.base.Scorer`."""

    def __init__(self, network: Network, threads: int) -> None:
        self.network = network.eval().requires_grad_(False)
        self._threads = threads

    def score(self, table: Matrix) -> Matrix:
        rows = torch.from_numpy(np.ascontiguousarray(table, np.float32))
        rows = rows.to(self.network.embedding_weight.device)
        with torch.inference_mode(), limited_threads(self._threads):
            parts = [self._log_odds(chunk) for chunk in torch.split(rows, _SCORE_ROWS)]
        return torch.cat(parts).cpu().numpy()

    def explain(self, table: Matrix) -> Matrix:
        """Integrated gradients in the space of codes, from the median row, by the midpoint rule.

        A path through the raw values would cross every kink of the encoding; codes are linear up
        to the network's own, so that few steps add up to the score.

        Source: Sundararajan, Taly & Yan 2017, arXiv:1703.01365.
        """
        rows = torch.from_numpy(np.ascontiguousarray(table, np.float32))
        with limited_threads(self._threads):
            parts = [
                self._attribute(chunk) for chunk in torch.split(rows, _EXPLAIN_ROWS) if len(chunk)
            ]
        return torch.cat(parts).numpy() if parts else np.empty((0, rows.shape[1] + 1), np.float32)

    def save(self) -> Mapping[str, bytes]:
        state = {name: value.contiguous() for name, value in self.network.state_dict().items()}
        return {WEIGHTS: safetensors.torch.save(state)}

    @classmethod
    def load(cls, config: NetworkConfig, files: Mapping[str, bytes]) -> NetworkScorer:
        """Rebuild a network from its weights.

        Raises:
            ModelError: the file is no safetensors, or holds another network than `config` names.
        """
        try:
            state = safetensors.torch.load(files[WEIGHTS])
            features = len(state["encoding.median"])
            network = Network(Encoding(features, config.bins), config, seed=0)
            network.load_state_dict(state)
        except Exception as error:
            raise ModelError(
                "the weights of the network that the configuration describes",
                found=f"{type(error).__name__}: {str(error)[:200]}",
                where=f"*.{WEIGHTS}",
                do="Train the pipeline again.",
            ) from error
        return cls(network, config.threads)

    def _log_odds(self, rows: Tensor) -> Tensor:
        return log_odds_of_mean(self.network(self.network.encoding(rows)))

    def _attribute(self, rows: Tensor) -> Tensor:
        encoding, count = self.network.encoding, len(rows)
        start = encoding(encoding.median[None])
        away = encoding(rows) - start
        steps = (torch.arange(_EXPLAIN_STEPS) + 0.5) / _EXPLAIN_STEPS
        path = (start[:, :, None] + steps[None, None, :, None] * away[:, :, None]).flatten(1, 2)
        path.requires_grad_(True)
        total = log_odds_of_mean(self.network(path)).sum()
        (gradient,) = torch.autograd.grad(total, path)
        slope = gradient.view(len(gradient), count, _EXPLAIN_STEPS, -1).mean(dim=2)
        shares = (slope * away).sum(dim=2).T
        base = log_odds_of_mean(self.network(start)).expand(count)
        return torch.cat([shares, base[:, None]], dim=1).detach()


def log_odds_of_mean(logits: Tensor) -> Tensor:
    """Log-odds of the heads' mean probability: (n, heads) → (n,); never saturates at 0 or 1."""
    yes = torch.logsumexp(functional.logsigmoid(logits), dim=1)
    no = torch.logsumexp(functional.logsigmoid(-logits), dim=1)
    return yes - no


def _body(inputs: int, config: NetworkConfig, generator: torch.Generator) -> nn.Module:
    if isinstance(config, TabMConfig):
        return TabM(inputs, config, generator)
    if isinstance(config, MlpConfig):
        return Mlp(inputs, config, generator)
    raise TypeError(f"no network for {type(config).__name__}")
