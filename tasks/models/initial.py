"""Initial weights from a generator of one's own: torch's layers draw from the global one."""

from __future__ import annotations

import torch
from torch import nn


def uniform(shape: tuple[int, ...], inputs: int, generator: torch.Generator) -> nn.Parameter:
    """Uniform within ± inputs ** -0.5, torch's own choice for linear layers."""
    values = torch.rand(shape, generator=generator) * 2 - 1
    return nn.Parameter(values * inputs**-0.5)


def normal(shape: tuple[int, ...], spread: float, generator: torch.Generator) -> nn.Parameter:
    """Normal around 0 with the given standard deviation."""
    return nn.Parameter(torch.randn(shape, generator=generator) * spread)


def ones(shape: tuple[int, ...]) -> nn.Parameter:
    """All 1: a factor that does nothing yet."""
    return nn.Parameter(torch.ones(shape))


def zeros(shape: tuple[int, ...]) -> nn.Parameter:
    """All 0."""
    return nn.Parameter(torch.zeros(shape))
