"""Which rows an epoch is made of."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from tasks.core.errors import ConfigError
from tasks.models.base import Matrix, Target
from tasks.models.training_config import LEAST_STEPS, SupervisedTraining

Draw = Callable[[torch.Generator], Tensor]


def often_enough(config: SupervisedTraining, rows: int, draw: Draw | None) -> Draw | None:
    """How an epoch's rows are drawn: several times over, where once would make too few steps.

    A dozen passes over a thousand rows are fifty steps, after which a network knows next to
    nothing. An epoch stays what patience and the schedule are told in.

    Args:
        config: its `batch_rows`, and its `epochs`, which leave it at once where they are set.
        rows: training rows.
        draw: how they are drawn once; None for each row once.
    """
    steps = config.most_epochs * math.ceil(rows / config.batch_rows)
    turns = 1 if config.epochs else max(1, round(LEAST_STEPS / steps))
    if turns == 1:
        return draw

    def once(generator: torch.Generator) -> Tensor:
        return torch.randperm(rows, generator=generator) if draw is None else draw(generator)

    return lambda generator: torch.cat([once(generator) for _ in range(turns)])


def balanced_draw(config: SupervisedTraining, target: Target, labels: Matrix) -> Draw | None:
    """How an epoch's rows are drawn: with replacement, each class its equal share; None for all.

    Args:
        config: its `sampling`.
        target: what the labels stand for.
        labels: (n_rows,).

    Raises:
        ConfigError: a balanced sample of values, which have no classes.
    """
    if config.sampling == "natural":
        return None
    if target.kind not in ("binary", "classes"):
        raise ConfigError(
            "classes, to sample them in equal shares",
            found=f"labels of the kind {target.kind!r}",
            where="model.sampling",
            do="Set it to natural.",
        )
    truth = torch.tensor(labels).long()
    members = [torch.nonzero(truth == each)[:, 0] for each in torch.unique(truth)]

    def draw(generator: torch.Generator) -> Tensor:
        dealt = torch.randperm(len(truth), generator=generator) % len(members)
        rows = torch.empty(len(truth), dtype=torch.int64)
        for number, of_class in enumerate(members):
            places = torch.nonzero(dealt == number)[:, 0]
            rows[places] = of_class[
                torch.randint(len(of_class), (len(places),), generator=generator)
            ]
        return rows

    return draw
