"""The files of a model: written as they are, read as if anybody had written them.

A digest says that a file is what was stored, not that it is any good. So sizes are held against the
file's own before anything is allocated by them, and numbers have to be numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
from torch import Tensor, nn

from tasks.core.errors import ModelError, in_one_line

WEIGHTS = "safetensors"
FACTS = "json"


@contextmanager
def holding(what: str, file: str = f"*.{WEIGHTS}") -> Iterator[None]:
    """Turn whatever goes wrong while something stored is rebuilt into one error.

    Args:
        what: what the files are to hold.
        file: where they lie, for the message.

    Raises:
        ModelError: the files do not hold it.
    """
    try:
        yield
    except Exception as error:
        found = error.found if isinstance(error, ModelError) else in_one_line(error)
        raise ModelError(what, found=found, where=file, do="Train the pipeline again.") from error


def to_files(tensors: Mapping[str, Tensor]) -> dict[str, bytes]:
    """The tensors as the one file of a model."""
    there = {name: value.detach().contiguous().clone() for name, value in tensors.items()}
    return {WEIGHTS: safetensors.torch.save(there)}


def tensors_of(content: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file; any error where it is none.

    Raises:
        ValueError: a size is beyond the file's own, or a number is none.
    """
    tensors = safetensors.torch.load(content)
    for name, value in tensors.items():
        _check_size(name, tuple(value.shape), content)
        if value.is_floating_point() and bool(torch.isnan(value).any()):
            raise ValueError(f"NaN in {name}")
    return tensors


def arrays_of(content: bytes, gaps: bool = False) -> dict[str, Any]:
    """The arrays of a safetensors file; any error where it is none.

    Args:
        content: the file.
        gaps: whether NaN stands for what is not known.

    Raises:
        ValueError: a size is beyond the file's own, or a number is none.
    """
    arrays = safetensors.numpy.load(content)
    for name, value in arrays.items():
        _check_size(name, value.shape, content)
        if not gaps and value.dtype.kind == "f" and np.isnan(value).any():
            raise ValueError(f"NaN in {name}")
    return arrays


def check_plan(plan: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Hold tensors against those of a module that was built on the device `meta`, of shapes alone.

    Raises:
        ValueError: they are not the module's.
    """
    wanted = {name: tuple(each.shape) for name, each in plan.state_dict().items()}
    there = {name: tuple(each.shape) for name, each in state.items()}
    for name in sorted({*wanted} | {*there}):
        if wanted.get(name) != there.get(name):
            raise ValueError(
                f"{name} of shape {there.get(name, 'none')}, for {wanted.get(name, 'none')}"
            )


def _check_size(name: str, shape: tuple[int, ...], content: bytes) -> None:
    """An empty tensor may say any size: its other dimensions are not backed by bytes."""
    if max(shape, default=0) > len(content):
        raise ValueError(f"{name} of shape {shape} in a file of {len(content)} bytes")
