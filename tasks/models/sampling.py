"""Which rows an epoch is made of."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tasks.core.errors import ConfigError
from tasks.models.base import Matrix, Target
from tasks.models.training_config import SupervisedTraining


def balanced_draw(
    config: SupervisedTraining, target: Target, labels: Matrix
) -> Callable[[torch.Generator], Tensor] | None:
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
