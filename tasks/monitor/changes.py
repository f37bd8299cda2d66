"""Why tonight's alerts are others than last night's: data, features, model or threshold.

Tonight's alerts are a function of four things: the events, the features made of them, the model
that scores these, and the cut above which a score is an alert. Last night's are the same function
of last night's four. Each is exchanged for tonight's one after the other; what the number of alerts
moves by at its turn is its part. As that depends on the order, the parts are averaged over all
orders, which is the Shapley value: whatever the order hides, they add up to the whole difference.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from tasks.core.event import EVENT_ID
from tasks.models.calibration import Calibration

Part = Literal["data", "features", "model", "threshold", "together"]
PARTS: tuple[Part, ...] = ("data", "features", "model", "threshold", "together")
MEASURES = ("alerts", "expected_hits")
TOGETHER: tuple[Part, Part] = ("features", "model")
State = frozenset[Part]
Value = Callable[[State], float | None]


@dataclass(frozen=True, slots=True)
class Cut:
    """Above which an event is an alert.

    Args:
        score: the lowest score of an alert; infinite where none or all are.
        last: of the events with that score the ids up to this one are.
        probability: the calibrated probability a rule names instead; None where it names none.
        is_strict: whether the probability has to be exceeded.
        value: the predicted value a rule names instead; None where it names none.
    """

    score: float = math.inf
    last: str = ""
    probability: float | None = None
    is_strict: bool = False
    value: float | None = None

    @classmethod
    def of(cls, scored: pl.DataFrame) -> Cut:
        """The cut that a night's alerts show.

        Args:
            scored: `event_id`, `score` and `is_alert` of each event.
        """
        alerts = scored.filter("is_alert")
        if alerts.is_empty():
            return cls()
        if alerts.height == scored.height:
            return cls(-math.inf)
        lowest = alerts.filter(pl.col("score") == pl.col("score").min())
        return cls(lowest["score"][0], str(lowest[EVENT_ID].max()))

    def alerts(self, scored: pl.DataFrame) -> pl.DataFrame:
        """The events above the cut, of `event_id`, `score` and `probability`."""
        if self.probability is not None:
            chance = pl.col("probability")
            above = chance > self.probability if self.is_strict else chance >= self.probability
            return scored.filter(above)
        if self.value is not None:
            return scored.filter(pl.col("score") >= self.value)
        level = (pl.col("score") == self.score) & (pl.col(EVENT_ID) <= self.last)
        return scored.filter((pl.col("score") > self.score) | level)

    def translated(self, of: Calibration | None, to: Calibration | None) -> Cut | None:
        """The cut on another model's scale, which as large a share of negatives would reach.

        A probability means the same to every calibrated model, and a value to every model; they
        stay as they are. None where a scale is not known.
        """
        if self.probability is not None or math.isinf(self.score):
            return self
        if of is not None and of.residuals is not None:
            return self
        if of is None or to is None:
            return None
        return Cut(_same_share(self.score, of.negatives, to.negatives), self.last)


@dataclass(frozen=True, slots=True)
class Night:
    """One of the two nights.

    Args:
        batch_date: ISO date.
        cut: above which its events became alerts.
        calibration: of the model that scored it; None where it can no longer be read.
        model: that model, as a reader knows it.
    """

    batch_date: str
    cut: Cut
    calibration: Calibration | None
    model: str


Worlds = Mapping[tuple[bool, bool, bool], pl.DataFrame]


def attribute(value: Value, changed: Sequence[Part]) -> dict[Part, float]:
    """Share a difference out among the things that changed.

    Args:
        value: what is measured where these things are tonight's and the others last night's; None
            where that cannot be made, a model that lacks a feature say.
        changed: the things that are not the same on both nights.

    Returns:
        Each part; they add up to `value(all) - value(none)`. Where features and model cannot be
        exchanged one without the other, both are one part, `together`; where nothing can be made
        in between, all of it is.

    Source: Shapley 1953, doi:10.1515/9781400881970-018; orders that cannot be walked are left out,
    as in Faigle & Kern 1992, doi:10.1007/BF01258278.
    """
    whole = (value(frozenset(changed)) or 0.0) - (value(frozenset()) or 0.0)
    for players in (_alone(changed), _merged(changed)):
        walks = [walk for order in itertools.permutations(players) if (walk := _walk(value, order))]
        if walks:
            return {
                _name(player): sum(walk[player] for walk in walks) / len(walks)
                for player in players
            }
    return {"together": whole}


def compare(
    worlds: Worlds, nights: tuple[Night, Night], changed: Sequence[Part]
) -> Iterator[tuple[str, dict[Part, float], float, float]]:
    """Each measure with its parts, and what it was last night and is tonight.

    Args:
        worlds: the scored events, by whether data, features and model are tonight's; what could
            not be made is left out.
        nights: last night and tonight.
        changed: what is not the same on both.
    """
    for measure in MEASURES:

        def value(state: State, measure: str = measure) -> float | None:
            scored = worlds.get(("data" in state, "features" in state, "model" in state))
            if scored is None:
                return None
            # With one model on both nights there is one scale, and nothing to translate.
            scale = "model" in state if "model" in changed else "threshold" in state
            cut = _cut(nights, "threshold" in state, scale)
            if cut is None:
                return None
            alerts = cut.alerts(scored)
            return float(alerts.height if measure == "alerts" else alerts["probability"].sum())

        parts = attribute(value, changed)
        before, after = value(frozenset()), value(frozenset(changed))
        yield measure, parts, before or 0.0, after or 0.0


def _cut(nights: tuple[Night, Night], tonight: bool, scale: bool) -> Cut | None:
    """The cut of one night on the scale of the model of one."""
    owner = nights[tonight]
    if tonight == scale:
        return owner.cut
    return owner.cut.translated(owner.calibration, nights[scale].calibration)


def _same_share(score: float, of: np.ndarray, to: np.ndarray) -> float:
    """The score above which as many of `to` lie as of `of` above a score, both rising."""
    if not len(of) or not len(to):
        return score
    if score > of[-1] or score < of[0]:
        end = -1 if score > of[-1] else 0
        return float(to[end] + score - of[end])  # beyond all of them: as far beyond
    place = np.interp(score, of, np.linspace(0, 1, len(of)))
    return float(np.interp(place, np.linspace(0, 1, len(to)), to))


Player = tuple[Part, ...]


def _alone(changed: Sequence[Part]) -> tuple[Player, ...]:
    return tuple((part,) for part in changed)


def _merged(changed: Sequence[Part]) -> tuple[Player, ...]:
    if not set(TOGETHER) <= set(changed):
        return ()
    return (TOGETHER, *((part,) for part in changed if part not in TOGETHER))


def _name(player: Player) -> Part:
    return player[0] if len(player) == 1 else "together"


def _walk(value: Value, order: Sequence[Player]) -> dict[Player, float] | None:
    """What each turn moves; None where a state on the way cannot be made."""
    state: set[Part] = set()
    last, moved = value(frozenset()), {}
    for player in order:
        state.update(player)
        now = value(frozenset(state))
        if now is None or last is None:
            return None
        moved[player], last = now - last, now
    return moved
