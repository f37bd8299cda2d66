"""Tensors of a model as safetensors, and what is said where they are not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import safetensors.torch
from torch import Tensor

from tasks.core.errors import ModelError

WEIGHTS = "safetensors"
FACTS = "json"


@contextmanager
def holding(model: str) -> Iterator[None]:
    """Turn whatever goes wrong while a model is rebuilt into one error that says what to do.

    Raises:
        ModelError: the files do not hold the model.
    """
    try:
        yield
    except Exception as error:
        raise ModelError(
            f"the files of the {model} that the configuration describes",
            found=f"{type(error).__name__}: {str(error)[:200]}",
            where=f"*.{WEIGHTS}",
            do="Train the pipeline again.",
        ) from error


def to_files(tensors: Mapping[str, Tensor]) -> dict[str, bytes]:
    """The tensors as the one file of a model."""
    there = {name: value.detach().contiguous().clone() for name, value in tensors.items()}
    return {WEIGHTS: safetensors.torch.save(there)}


def from_files(files: Mapping[str, bytes]) -> dict[str, Tensor]:
    """What `to_files` wrote; any error where that is not what the files hold."""
    return safetensors.torch.load(files[WEIGHTS])
