"""Which models failed night after night, and which of them are left alone for a while.

A circuit is closed while its model is asked; it opens after so many failures in a row; after so
many nights at rest it is half-open: the model is asked once more, and what it does then closes or
opens it. Nights are counted, not hours: a night's outcome never depends on a clock.

Source: Nygard 2007, Release It!, chapter 5.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from tasks.core.artifacts import Passed
from tasks.core.errors import IntegrityError
from tasks.core.keys import canonical_json
from tasks.score.config import CircuitConfig

State = Literal["closed", "open", "half-open"]


@dataclass(frozen=True, slots=True)
class Circuit:
    """One model that failed in its latest night.

    Args:
        failures: nights in a row it failed.
        rested: nights it was not asked since the last failure.
        why: the last failure, in words.
    """

    failures: int
    rested: int
    why: str

    def state(self, config: CircuitConfig) -> State:
        """Whether the model is asked."""
        if self.failures < config.failures:
            return "closed"
        return "open" if self.rested < config.rest else "half-open"


Board = Mapping[str, Circuit]  # by model, `<version>/<role>`; a model that works has none


def after_night(board: Board, passed: Iterable[Passed], scored: str) -> Board:
    """The circuits after a night.

    Args:
        board: before it.
        passed: the rungs that gave no scores; the fallback has no circuit, it is always asked.
        scored: the model that scored.
    """
    new = {model: circuit for model, circuit in board.items() if model != scored}
    for each in passed:
        before = board.get(each.model, Circuit(0, 0, ""))
        if each.kind == "rests":
            new[each.model] = dataclasses.replace(before, rested=before.rested + 1)
        elif each.role == "model":
            new[each.model] = Circuit(before.failures + 1, 0, each.why)
    return new


def to_json(board: Board) -> bytes:
    """The content of `circuits.json`."""
    return canonical_json({model: dataclasses.asdict(each) for model, each in board.items()})


def from_json(content: bytes, where: str) -> Board:
    """Read what `to_json` wrote.

    Raises:
        IntegrityError: it is not that.
    """
    try:
        return TypeAdapter(dict[str, Circuit]).validate_python(json.loads(content))
    except (ValidationError, ValueError) as error:
        raise IntegrityError(
            "the circuits of a pipeline's models",
            found=f"{type(error).__name__}: {str(error)[:200]}",
            where=where,
            do="Delete the file's commit record; it is written anew.",
        ) from error
