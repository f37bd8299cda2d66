"""Fit a model in this process, or its network in several at once."""

from __future__ import annotations

import dataclasses
import multiprocessing
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import distributed

from tasks.core.errors import ModelError
from tasks.core.memory import memory_for
from tasks.models.base import Conditions, Fitted, History, Rows
from tasks.models.config import ModelConfig
from tasks.models.devices import choose_device
from tasks.models.privacy import check_private
from tasks.models.zoo import MODELS

_Found = tuple[Mapping[str, bytes], History]
_LESS = (
    "Take smaller model.batch_rows, a smaller model, fewer devices or a shorter training.window."
)


def fit_model(config: ModelConfig, fit: Rows, stop: Rows, conditions: Conditions) -> Fitted:
    """Fit a model; where `config.devices` is above 1, in so many processes.

    Each process takes its share of every batch, on a graphics processor of its own where there are
    any (NCCL), else on this one (Gloo).

    Raises:
        ConfigError: a budget is asked for that a model of this kind cannot keep.
        ModelMemoryError: there was not the memory for it.
        ModelError: as the model's family does, or a process of several was killed.
    """
    if conditions.privacy is not None:
        check_private(config)
    try:
        with memory_to_train(config):
            return _fit(config, fit, stop, conditions)
    except BrokenProcessPool as error:
        raise ModelError(
            "processes that live until the end of a training",
            found=f"{type(error).__name__}: {str(error)[:200]}",
            where=f"model.kind {config.kind}, devices",
            do=f"Look for what killed one, the system for want of memory most of all. {_LESS}",
        ) from error


def memory_to_train(config: ModelConfig) -> AbstractContextManager[None]:
    """Have a lack of memory while a model is trained, or first applied, told as such.

    Raises:
        ModelMemoryError: there was not the memory for it.
    """
    return memory_for("a training", f"model.kind {config.kind}", _LESS)


def _fit(config: ModelConfig, fit: Rows, stop: Rows, conditions: Conditions) -> Fitted:
    devices: int = getattr(config, "devices", 1)
    if devices == 1:
        return MODELS[config.kind].fit(config, fit, stop, conditions)
    conditions = dataclasses.replace(conditions, watch=None)  # of one process, not of each
    spawn = multiprocessing.get_context("spawn")  # a fork would share torch's threads
    with tempfile.TemporaryDirectory() as folder:
        meeting = Path(folder) / "meeting"
        with ProcessPoolExecutor(devices, spawn) as pool:
            job = (config, fit, stop, conditions)
            parts = [pool.submit(_join, rank, devices, meeting, job) for rank in range(devices)]
            found = [part.result() for part in parts]
    files, history = found[0]
    return Fitted(MODELS[config.kind].load(config, files), history)


def _join(
    rank: int, count: int, meeting: Path, job: tuple[ModelConfig, Rows, Rows, Conditions]
) -> _Found:
    """Train as one of several processes."""
    config, fit, stop, conditions = job
    device = choose_device(getattr(config, "device", "cpu"))
    if device.type == "cuda":
        torch.cuda.set_device(rank)
    distributed.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        init_method=f"file://{meeting}",
        rank=rank,
        world_size=count,
    )
    try:
        fitted = MODELS[config.kind].fit(config, fit, stop, conditions)
        return fitted.scorer.save(), fitted.history
    finally:
        distributed.destroy_process_group()
