"""What a run costs: when it began, and each stage's share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from flows import clock
from tasks.task import Listener, StageTiming, listening


@dataclass(frozen=True, slots=True)
class Costs:
    """A run's start and its stages so far.

    Args:
        started_at: in UTC.
        stages: grows as stages end.
    """

    started_at: dt.datetime
    stages: list[StageTiming] = field(default_factory=list)


@contextmanager
def counting() -> Iterator[Costs]:
    """Count what the stages in the block cost."""
    costs = Costs(clock.now())
    with listening(Listener(started=lambda _: None, ended=costs.stages.append)):
        yield costs
