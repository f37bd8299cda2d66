"""Which events reviewers see, where only what they see teaches: exploit, explore, and log chances.

Slots go to the highest sums of the model's chance and a bonus for novelty; a few are drawn by lot
from the rest, with the chance of each written down. From those chances any other rule can be judged
on what was reviewed (`tasks.monitor.exploration`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.models.base import Vector
from tasks.score.config import TriageDecision

BY_RULE, BY_LOT = "rule", "explore"  # as `queue` of the tables names them
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Slots:
    """What a night's reviewers are shown.

    Args:
        queue: `rule`, `explore`, or empty where the event is not shown (n_events,).
        propensity: chance of each event to be shown, before the lots were drawn (n_events,).
    """

    queue: npt.NDArray[np.str_]
    propensity: Vector

    @property
    def shown(self) -> Mask:
        """The events that are shown."""
        return np.asarray(self.queue != "")


def draw(
    decision: TriageDecision, chances: Vector, novelty: Vector, generator: np.random.Generator
) -> Slots:
    """Fill the night's slots.

    Args:
        decision: how many, and how many of them by lot.
        chances: the model's probability of each event (n_events,).
        novelty: rank of its anomaly score, 0 to 1 (n_events,).
        generator: draws the lots.
    """
    events = len(chances)
    slots = min(decision.per_day, events)
    # Of few slots one at least: without any lot nobody learns what the rule misses.
    asked = max(round(decision.explore * slots), 1) if decision.explore else 0
    lots = max(min(asked, slots - 1, events - slots), 0)
    order = np.lexsort((np.arange(events), -(chances + decision.novelty * novelty)))
    queue, propensity = np.full(events, "", "<U7"), np.zeros(events)
    ruled, rest = order[: slots - lots], order[slots - lots :]
    queue[ruled], propensity[ruled] = BY_RULE, 1.0
    if lots:
        queue[generator.choice(rest, lots, replace=False)] = BY_LOT
        propensity[rest] = lots / len(rest)
    return Slots(queue, propensity)
