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
    """Where a training stands, but for its tensors.

    Args:
        task: digest of what is trained, and how; a training goes on from its own state only.
        step: steps done in the epoch under way.
        losses: their losses, each times its rows, added up.
        epochs: the finished epochs.
        best: the highest stop metric of them.
        kept: number of the epoch that reached it; 0 before there is one.
        ended: why the training ended; empty while it goes on.
    """

    task: str
    step: int = 0
    losses: float = 0.0
    epochs: list[Epoch] = field(default_factory=list)
    best: float = float("-inf")
    kept: int = 0
    ended: str = ""


def to_bytes(progress: Progress, tensors: Groups) -> bytes:
    """Progress and groups of tensors as safetensors.

    Example:
        >>> content = to_bytes(Progress("task", step=3), {"weights": {"w": torch.ones(2)}})
        >>> progress, tensors = from_bytes(content)
        >>> progress.step, tensors["weights"]["w"].tolist()
        (3, [1.0, 1.0])
    """
    facts = canonical_json(dataclasses.asdict(progress))
    flat = {_FACTS: torch.frombuffer(bytearray(facts), dtype=torch.uint8)}
    for group, members in tensors.items():
        for name, value in members.items():
            flat[f"{group}/{name}"] = value.detach().cpu().contiguous().clone()
    return safetensors.torch.save(flat)


def from_bytes(content: bytes | None) -> tuple[Progress, Groups] | None:
    """What `to_bytes` wrote; None where that is not what the bytes hold."""
    if content is None:
        return None
    try:
        flat = safetensors.torch.load(content)
        facts = json.loads(bytes(flat.pop(_FACTS).numpy()))
        progress = TypeAdapter(Progress).validate_python(facts)
    except (safetensors.SafetensorError, KeyError, ValueError, ValidationError):
        return None
    tensors: dict[str, dict[str, Tensor]] = {}
    for name, value in flat.items():
        group, _, member = name.partition("/")
        tensors.setdefault(group, {})[member] = value
    return progress, tensors
