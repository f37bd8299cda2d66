"""Initial weights from a generator of one's own: torch's layers draw from the global one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
from torch import nn

Built = TypeVar("Built", bound=nn.Module)


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


def turned(parameter: nn.Parameter) -> nn.Parameter:
    """The same values, outputs before inputs: drawn input by input, laid out to be read at once."""
    return nn.Parameter(parameter.detach().transpose(-1, -2).contiguous())


def drawn(make: Callable[[], Built], generator: torch.Generator) -> Built:
    """Build torch's own layers with weights from a generator, as torch would draw them.

    Args:
        make: builds a module of linear, convolutional, recurrent and normalising layers.
        generator: of the weights.

    Raises:
        TypeError: a layer of a kind whose weights are not drawn here.
    """
    with torch.device("meta"):
        module = make()
    module.to_empty(device=torch.get_default_device())
    for part in module.modules():
        _draw(part, generator)
    return module


@torch.no_grad()
def _draw(layer: nn.Module, generator: torch.Generator) -> None:
    own = list(layer.parameters(recurse=False))
    if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.LayerNorm):
        layer.reset_parameters()  # 1 and 0: nothing is drawn
    elif isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
        inputs = layer.weight[0].numel()
        _fill(own, inputs, generator)
    elif isinstance(layer, nn.RNNBase):
        _fill(own, layer.hidden_size, generator)
    elif own:
        raise TypeError(f"no initial weights for {type(layer).__name__}")


def _fill(parameters: Iterable[nn.Parameter], inputs: int, generator: torch.Generator) -> None:
    for parameter in parameters:
        parameter.uniform_(-(inputs**-0.5), inputs**-0.5, generator=generator)
