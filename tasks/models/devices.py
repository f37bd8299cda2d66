"""Where and in which arithmetic a network computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from tasks.core.errors import ConfigError


def choose_device(asked: str) -> torch.device:
    """The device that a configuration asks for; `auto` takes a graphics processor if there is one.

    Raises:
        ConfigError: it asks for one that is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if asked == "auto":
        return torch.device(next((name for name, found in there.items() if found), "cpu"))
    if not there.get(asked, True):
        raise ConfigError(
            f"a device {asked} that torch can use",
            found="none",
            where="model.device",
            do="Set it to auto or cpu, or install the driver and the torch that belong to it.",
        )
    return torch.device(asked)


def computes_in_half(asked: str, device: torch.device) -> bool:
    """Whether matrices are multiplied in bfloat16: as asked, or where the hardware does it."""
    if asked != "auto":
        return asked == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and _processor_has_bfloat16()


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Have torch compute with so many threads while the block runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def own_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Have what torch's layers draw in the block depend on a seed, and nothing outside on them.

    Dropout and recurrent layers take no generator: they draw from the global one, whose state is
    put back after the block.
    """
    before = random_states(device)
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)
    try:
        yield
    finally:
        set_random_states(before)


def random_states(device: torch.device) -> dict[str, Tensor]:
    """The states of torch's own generators, by the type of their device."""
    states = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        states[device.type] = torch.get_device_module(device).get_rng_state()
    return states


def set_random_states(states: Mapping[str, Tensor]) -> None:
    """Put back what `random_states` gave."""
    for kind, state in states.items():
        if kind == "cpu":
            torch.set_rng_state(state)
        else:
            torch.get_device_module(kind).set_rng_state(state)


def _processor_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 matrices itself; emulation is slower."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
