"""Train a network on features and labels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tasks.models.base import Conditions, Fitted, Rows
from tasks.models.config import NetworkConfig
from tasks.models.devices import choose_device, limited_threads
from tasks.models.encoding import Encoding
from tasks.models.losses import Criterion, mixed_loss
from tasks.models.metrics import average_precision, rank_rows
from tasks.models.network import Network, NetworkScorer
from tasks.models.sampling import balanced_draw
from tasks.models.training import Objective, train_network


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
    device = choose_device(config.device)
    with limited_threads(config.threads):
        encoding = Encoding.learn(fit.table, config.bins)
        network = Network(encoding, config, conditions.seed).to(device)
        table = torch.from_numpy(np.require(fit.table, np.float32, ["C", "W"])).to(device)
        labels = torch.tensor(fit.labels, dtype=torch.float32, device=device)
        criterion = Criterion(config, fit.target, labels)

        def loss(rows: Tensor) -> Tensor:
            codes = network.encoding(table[rows])
            return mixed_loss(config.mixup, network, criterion, codes, labels[rows], dim=1)

        def stop_metric() -> float:
            scores = NetworkScorer(network, config.threads).score(stop.table)
            if not np.isfinite(scores).all():
                return float("nan")
            return average_precision(rank_rows(stop.labels, scores))

        draw = balanced_draw(config, fit.target, fit.labels)
        objective = Objective(loss, stop_metric, len(labels), "average precision", draw)
        history = train_network(network, objective, config, conditions)
        return Fitted(NetworkScorer(network, config.threads), history)
