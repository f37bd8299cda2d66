"""Which models ran out of time night after night, and which are left alone for a while.

A circuit is closed while its model is asked; it opens after so many nights in a row in which the
model was late; after so many nights at rest it is half-open: the model is asked once more, and what
it does then closes or opens it. Nights are counted by their batch dates, not hours nor runs: a
night sees those before its date alone, each as it is published.

Only lateness counts. Any other failure follows from the night and the model's files: it comes again
as long as they are the same, costs little, and is over once they are mended. To rest for it would
have the scores of a date depend on which other dates were run before.

Source: Nygard 2007, Release It!, chapter 5.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from tasks.core.results import Passed
from tasks.score.config import CircuitConfig

State = Literal["closed", "open", "half-open"]


@dataclass(frozen=True, slots=True)
class Circuit:
    """One model that was late in its latest night.

    Args:
        failures: nights it was late since it last answered.
        rested: nights it was not asked since it was late last.
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
        passed: the rungs that gave no scores; the fallback is never late, it has all the time.
        scored: the model that scored.
    """
    new = {model: circuit for model, circuit in board.items() if model != scored}
    for each in passed:
        before = board.get(each.model, Circuit(0, 0, ""))
        if each.kind == "rests":
            new[each.model] = dataclasses.replace(before, rested=before.rested + 1)
        elif each.kind == "late":
            new[each.model] = Circuit(before.failures + 1, 0, each.why)
    return new


def reach(config: CircuitConfig) -> int:
    """How many nights before a date tell whether a model rests on it."""
    return config.failures * (config.rest + 1)
