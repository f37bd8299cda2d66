"""Whether a training is due, and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from scipy.special import gammaincinv

from tasks.core.config import format_duration
from tasks.monitor.config import DecayRule, DriftRule, RetrainConfig

_UPPER = 0.975


@dataclass(frozen=True, slots=True)
class Drifted:
    """How far one night was from the training of the model that scored it.

    Args:
        batch_date: ISO date.
        share: of its features with a strong drift.
        score: whether the score's is strong.
    """

    batch_date: str
    share: float
    score: bool

    @classmethod
    def of(cls, batch_date: str, drift: pl.DataFrame) -> Drifted | None:
        """Of a night's drift table, its `kind` and `verdict`; None where nothing was measured."""
        if drift.is_empty():
            return None
        strong = drift.filter(verdict="strong")
        features = drift.filter(kind="feature").height
        share = strong.filter(kind="feature").height / features if features else 0.0
        return cls(batch_date, share, not strong.filter(kind="score").is_empty())

    def __str__(self) -> str:
        score = "strong" if self.score else "not strong"
        return f"{self.share:.0%} of the features drifted strongly; the score's drift is {score}"

    def is_grave(self, rule: DriftRule) -> bool:
        """Whether the rule counts this night."""
        return self.score or self.share >= rule.share


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule that asks for a training: `drift`, `decay` or `age`, and what it found."""

    rule: str
    text: str


def due(
    config: RetrainConfig,
    trained: dt.date,
    day: dt.date,
    nights: Sequence[Drifted],
    hits: tuple[int, float],
) -> tuple[Reason, ...]:
    """The rules that ask for a training.

    Args:
        config: the rules.
        trained: by when labels were known to the last training.
        day: the date that is asked for.
        nights: those the champion scored since then, in order.
        hits: of its nights to which no label is still to come: the positives among the alerts
            whose label is known, and how many their probabilities had promised.
    """
    found = []
    if config.drift is not None and (text := _drifted(config.drift, nights)):
        found.append(Reason("drift", text))
    if config.decay is not None and (text := _decayed(config.decay, *hits)):
        found.append(Reason("decay", text))
    if config.age is not None and day - trained >= config.age:
        age, most = format_duration(day - trained), format_duration(config.age)
        text = f"the last training knew labels up to {trained}, {age} ago; {most} are allowed"
        found.append(Reason("age", text))
    return tuple(found)


def _drifted(rule: DriftRule, nights: Sequence[Drifted]) -> str:
    last = nights[-rule.nights :]
    if len(last) < rule.nights or not all(night.is_grave(rule) for night in last):
        return ""
    worst = max(night.share for night in last)
    scores = sum(night.score for night in last)
    return (
        f"strong drift on {len(last)} nights in a row, up to {last[-1].batch_date}: of up to "
        f"{worst:.0%} of the features, of the score on {scores}"
    )


def _decayed(rule: DecayRule, hits: int, promised: float) -> str:
    if promised < rule.expected_hits:
        return ""
    # What a Poisson mean may be at most where so many were seen.
    most = float(gammaincinv(hits + 1, _UPPER)) / promised
    if most >= rule.ratio:
        return ""
    return (
        f"alerts promised {promised:.1f} hits and had {hits}: {hits / promised:.2f} of them, at "
        f"most {most:.2f}; {rule.ratio:g} is asked for"
    )
