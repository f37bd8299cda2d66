"""Train a network on features and labels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tasks.models.base import Conditions, Family, Fitted, Rows
from tasks.models.beginning import begin_from
from tasks.models.devices import choose_device, limited_threads
from tasks.models.encoding import Encoding
from tasks.models.inputs import Inputs
from tasks.models.losses import Criterion, mixed_loss
from tasks.models.network import Body, Network, NetworkScorer, build
from tasks.models.sampling import balanced_draw, often_enough
from tasks.models.stopping import STOP_NAMES, stop_metric
from tasks.models.training import Objective, train_network

Bins = Callable[[Inputs, Any], int]


def network_family(body: Body, bins: Bins = lambda _, config: int(config.bins)) -> Family:
    """The family of networks with one kind of body."""
    return Family(partial(fit_network, body, bins), partial(NetworkScorer.load, body))


def fit_network(
    body: Body, bins: Bins, config: Any, fit: Rows, stop: Rows, conditions: Conditions
) -> Fitted:
    """Train a network; keep the epoch with the best stop metric on the stop rows.

    Early stopping on average precision rather than on the loss is worth 0.01 of it on the
    card-fraud data.

    Args:
        body: builds what follows the encoding.
        bins: inputs, config → pieces of a column's code.
        config: the family's settings.
        fit: rows to learn from.
        stop: rows that decide which epoch is kept, of a binary target with at least one positive.
        conditions: the seed of the initial weights and of the order of the rows; weights to begin
            with.

    Raises:
        ModelError: the loss was not finite before any epoch was good, the body reads sequences or
            images and there are none, or the weights to begin with are not of such a network.
    """
    device, inputs = choose_device(config.device), Inputs.of(fit)
    with limited_threads(config.threads):
        network = build(body, inputs, config, bins(inputs, config), conditions.seed)
        network.encoding = Encoding.learn(fit.table, network.encoding.bins, inputs.groups())
        begin_from(network, conditions.start)
        labels = _learnable(network, fit).to(device)  # after: the unit of its values is of now
        network = network.to(device)
        table = torch.from_numpy(np.require(fit.table, np.float32, ["C", "W"])).to(device)
        criterion = Criterion(config, fit.target, labels)

        def predict(codes: Tensor) -> Tensor:
            numbers: Tensor = network(codes)
            return numbers if fit.target.kind == "classes" else numbers[:, :, 0]

        def loss(rows: Tensor) -> Tensor:
            codes = network.encoding(table[rows])
            return mixed_loss(config.mixup, predict, criterion, codes, labels[rows], dim=2)

        def reached() -> float:
            return stop_metric(NetworkScorer(network, inputs, config), stop)

        objective = Objective(
            loss,
            reached,
            len(labels),
            STOP_NAMES[fit.target.kind],
            often_enough(config, len(labels), balanced_draw(config, fit.target, fit.labels)),
        )
        history = train_network(network, objective, config, conditions)
        return Fitted(NetworkScorer(network, inputs, config), history)


def _learnable(network: Network, fit: Rows) -> Tensor:
    """The labels, of a value in units of its spread around its mean, which the network is told."""
    labels = np.asarray(fit.labels, np.float32)
    if fit.target.kind != "value":
        return torch.tensor(labels)
    center, spread = labels.mean(dtype=np.float64), labels.std(dtype=np.float64) or 1.0
    network.center.fill_(float(center))
    network.spread.fill_(float(spread))
    return torch.tensor((labels - center) / spread, dtype=torch.float32)
