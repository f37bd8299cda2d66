"""Differentially private training: what is asked for, which models can, and what was spent.

The unit is one training row: what the network's weights tell of any one row is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tasks.core.errors import ConfigError

PRIVATE_KINDS = frozenset({"mlp", "resnet", "sequence_cnn", "tabm", "transformer"})


@dataclass(frozen=True, slots=True)
class Privacy:
    """What a training may tell of a row.

    Args:
        epsilon: the budget.
        delta: the chance beyond it.
        max_grad_norm: to which each row's gradient is clipped.
        seed: of the noise and of which rows are drawn, 32 bytes: who knows it can take the noise
            off, and a second training by it on other rows would give both away.
    """

    epsilon: float
    delta: float
    max_grad_norm: float
    seed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a training has told of a row, by the accountant.

    Args:
        epsilon: spent, at most.
        delta: the chance beyond it.
        noise_multiplier: deviation of the noise in units of `max_grad_norm`.
        max_grad_norm: to which each row's gradient was clipped.
        sample_rate: the chance of a row to be in a step.
        steps: that were made.
    """

    epsilon: float
    delta: float
    noise_multiplier: float
    max_grad_norm: float
    sample_rate: float
    steps: int


def reasons_against(model: Any) -> Iterator[str]:
    """Why a model of such a configuration cannot be trained with a budget; none where it can."""
    if model.kind not in PRIVATE_KINDS:
        yield f"kind {model.kind}: only {', '.join(sorted(PRIVATE_KINDS))} have a gradient per row"
        return
    if model.devices > 1:
        yield "devices: one process draws the noise"
    if model.sampling != "natural":
        yield f"sampling {model.sampling}: the budget is of rows drawn with equal chances"
    if model.class_weights == "balanced":
        yield "class_weights balanced: they are counted on the rows; name the weights"
    if model.mixup:
        yield "mixup: a mixed row tells of two"


def check_private(model: Any) -> None:
    """Hold that a model can be trained with a budget.

    Raises:
        ConfigError: it cannot.
    """
    reasons = list(reasons_against(model))
    if reasons:
        raise ConfigError(
            "a model that training.privacy is possible for",
            found="; ".join(reasons),
            where="model",
            do="Take another model, or leave training.privacy out.",
        )
