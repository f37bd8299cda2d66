"""What the scores of a night, or of all nights, were worth: the figures, and what they say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from tasks.core.config import whole_days
from tasks.monitor.estimates import Estimate
from tasks.monitor.exploration import Exploration
from tasks.monitor.realised_values import ValueQuality
from tasks.monitor.retrain import Reason


@dataclass(frozen=True, slots=True)
class Quality:
    """What the scores of one night, or of all, were worth.

    Args:
        batch_date: ISO date, or `all`.
        scored: events scored.
        known: of these, events whose label is known.
        positives: of the known ones, positives.
        base_rate: positives / known.
        average_precision: of the model that scored; None without a positive.
        fallback_average_precision: of XGBoost on the same events.
        alerts: alerts among the known events.
        hits: positives among them.
        precision: hits / alerts; None without an alert.
        recall: hits / positives; None without a positive.
        fallback_hits: positives among as many events a night with the highest XGBoost scores.
        promised: sum of the known alerts' calibrated probabilities.
        estimate: precision and recall by probabilities alone; of single nights.
        all_alerts: alerts, known or not.
        interval: 95% bootstrap interval of the average precision; over all nights only.
        fallback_interval: the same of XGBoost.
        is_reviewed: whether only alerts have labels, for they are reviewers' verdicts.
        score_source: `champion`, `previous` or `fallback`; empty over all nights.
        model_version: of the model that scored.
        challenger_version: of the challenger that scored every event beside the champion, if so.
        challenger_average_precision: its average precision.
        of_values: what predicted values were worth; None where labels are no values. Where they
            are, there are no positives and no hits, and what depends on them says nothing.
    """

    batch_date: str
    scored: int
    known: int
    positives: int
    base_rate: float | None
    average_precision: float | None
    fallback_average_precision: float | None
    alerts: int
    hits: int
    precision: float | None
    recall: float | None
    fallback_hits: int
    promised: float = 0.0
    estimate: Estimate | None = None
    all_alerts: int = 0
    interval: tuple[float, float] | None = None
    fallback_interval: tuple[float, float] | None = None
    is_reviewed: bool = False
    score_source: str = ""
    model_version: str = ""
    challenger_version: str | None = None
    challenger_average_precision: float | None = None
    of_values: ValueQuality | None = None

    @property
    def gain(self) -> float | None:
        """By how much the challenger did better than what scored, from -1 to 1; None if unknown.

        The difference of average precisions; of values that of squared errors by their sum.
        """
        if self.of_values is not None:
            return self.of_values.gain if self.challenger_version else None
        pair = self.challenger_average_precision, self.average_precision
        return None if pair[0] is None or pair[1] is None else pair[0] - pair[1]

    @property
    def status(self) -> str:
        """`estimated` where no label is known, `partial`, or `realised` where all are.

        Of verdicts all are known where each alert has one.
        """
        known, all_there = self.known, self.scored
        if self.is_reviewed:
            known, all_there = self.alerts, self.all_alerts
        return "partial" if 0 < known < all_there else ("realised" if known else "estimated")

    def is_settled(self, day: dt.date, delay: dt.timedelta) -> bool:
        """Whether no label of the night is still to come by the end of a day.

        An event whose label is empty by then keeps none. Reviewers may take as long as they like:
        of verdicts each alert needs one.
        """
        if self.is_reviewed:
            return self.status == "realised"
        return dt.date.fromisoformat(self.batch_date) + whole_days(delay) <= day


@dataclass(frozen=True, slots=True)
class Realised:
    """Quality by night, and over all nights whose labels are known.

    Args:
        nights: each night's.
        overall: that of all.
        challenger: how the challenger did beside the champion, and what follows, in words; empty
            where there is none.
        due: why a training is due; empty where none is.
        exploration: what lots cost and found; None where none were drawn.
        warnings: what a reader should know of the monitoring itself, one sentence each.
    """

    nights: tuple[Quality, ...]
    overall: Quality
    challenger: str = ""
    due: tuple[Reason, ...] = ()
    exploration: Exploration | None = None
    warnings: tuple[str, ...] = ()


def settled_hits(nights: Iterable[Quality], day: dt.date, delay: dt.timedelta) -> tuple[int, float]:
    """Hits of the alerts whose label is known, and how many their probabilities promised.

    Args:
        nights: those to count, where they are settled.
        day: the last day whose labels are known.
        delay: time from an event until its label is known.
    """
    settled = [night for night in nights if night.is_settled(day, delay)]
    return sum(night.hits for night in settled), sum(night.promised for night in settled)
