"""How far a training is, as bytes: what a killed one needs to go on as if nothing had happened."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import safetensors
import safetensors.torch
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from tasks.core.keys import canonical_json
from tasks.models.base import Epoch

_FACTS = "facts"
Groups = Mapping[str, Mapping[str, Tensor]]


@dataclass(slots=True)
class Progress:
    """Where the training of a network stands, but for its tensors.

    Args:
        step: steps done in the epoch under way.
        losses: their losses, each times its rows, added up.
        epochs: the finished epochs.
        best: the highest stop metric of them.
        kept: number of the epoch that reached it; 0 before there is one.
        ended: why the training ended; empty while it goes on.
    """

    step: int = 0
    losses: float = 0.0
    epochs: list[Epoch] = field(default_factory=list)
    best: float = float("-inf")
    kept: int = 0
    ended: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """Progress, and tensors by group and name."""

    progress: Progress
    tensors: Groups


def to_bytes(states: Mapping[str, State]) -> bytes:
    """States by the digest of what they are of, as safetensors.

    A model of several networks has the state of each that is finished, and of the one under way.

    Example:
        >>> state = State(Progress(step=3), {"weights": {"w": torch.ones(2)}})
        >>> found = from_bytes(to_bytes({"task": state}))["task"]
        >>> found.progress.step, found.tensors["weights"]["w"].tolist()
        (3, [1.0, 1.0])
    """
    facts = canonical_json(
        {task: dataclasses.asdict(each.progress) for task, each in states.items()}
    )
    flat = {_FACTS: torch.frombuffer(bytearray(facts), dtype=torch.uint8)}
    for task, state in states.items():
        for group, members in state.tensors.items():
            for name, value in members.items():
                flat[f"{task}/{group}/{name}"] = value.detach().cpu().contiguous().clone()
    return safetensors.torch.save(flat)


def from_bytes(content: bytes | None) -> dict[str, State]:
    """What `to_bytes` wrote; nothing where that is not what the bytes hold."""
    if content is None:
        return {}
    try:
        flat = safetensors.torch.load(content)
        facts = json.loads(bytes(flat.pop(_FACTS).numpy()))
        found = TypeAdapter(dict[str, Progress]).validate_python(facts)
    except (safetensors.SafetensorError, KeyError, ValueError, ValidationError):
        return {}
    tensors: dict[str, dict[str, dict[str, Tensor]]] = {}
    for path, value in flat.items():
        task, group, name = path.split("/", 2)
        tensors.setdefault(task, {}).setdefault(group, {})[name] = value
    return {task: State(each, tensors.get(task, {})) for task, each in found.items()}
