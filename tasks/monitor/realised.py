"""Realised quality: scores of past nights against labels that arrived since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from tasks.core.config import whole_days
from tasks.core.event import EVENT_ID
from tasks.models.metrics import average_precision, bootstrap, rank_rows
from tasks.monitor.estimates import Estimate, estimate
from tasks.monitor.exploration import Exploration, explore
from tasks.monitor.realised_values import ValueQuality, value_quality
from tasks.monitor.retrain import Reason

BOOTSTRAP_ROUNDS = 200
ALL = "all"


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


def realised(
    scores: pl.DataFrame, labels: pl.DataFrame, is_reviewed: bool = False, seed: int = 0
) -> Realised:
    """Measure scores against the labels known so far.

    Args:
        scores: rows of the scores table, of one or more batch dates; estimates are made where
            they have `probability`.
        labels: `event_id` and `label`, a float where values are predicted; events without a row
            are not known yet.
        is_reviewed: whether labels are verdicts on alerts; what depends on the others, recall and
            average precision, is left empty then.
        seed: of the bootstrap.
    """
    known = labels.select(EVENT_ID, pl.col("label").cast(pl.Float64))
    joined = _with_fallback_alerts(scores.join(known, on=EVENT_ID, how="left"))
    ordered = joined.sort("batch_date", "rank")
    if labels.schema["label"].is_float():
        parts = ordered.partition_by("batch_date", maintain_order=True)
        each = tuple(
            _beside(_of_values(str(night["batch_date"][0]), night), night) for night in parts
        )
        return Realised(each, _of_values(ALL, ordered, seed))
    nights, overall = tuple(_nights(ordered)), _quality(ALL, ordered, seed)
    if is_reviewed:
        nights, overall = tuple(map(_of_alerts, nights)), _of_alerts(overall)
    lots = explore(ordered, known) if {"queue", "propensity"} <= set(scores.columns) else None
    return Realised(nights, overall, exploration=lots)


def _of_values(name: str, scored: pl.DataFrame, seed: int | None = None) -> Quality:
    """What predicted values tell."""
    known = scored.filter(pl.col("label").is_not_null())
    alert = pl.col("decision") == "alert"
    return Quality(
        batch_date=name,
        scored=scored.height,
        known=known.height,
        positives=0,
        base_rate=None,
        average_precision=None,
        fallback_average_precision=None,
        alerts=known.filter(alert).height,
        hits=0,
        precision=None,
        recall=None,
        fallback_hits=0,
        all_alerts=scored.filter(alert).height,
        of_values=value_quality(known, seed),
    )


def _of_alerts(quality: Quality) -> Quality:
    """What verdicts on alerts tell."""
    return replace(
        quality,
        is_reviewed=True,
        base_rate=None,
        recall=None,
        average_precision=None,
        fallback_average_precision=None,
        challenger_average_precision=None,
        interval=None,
        fallback_interval=None,
    )


def _with_fallback_alerts(scores: pl.DataFrame) -> pl.DataFrame:
    """Give XGBoost as many alerts a night as the model raised."""
    place = pl.struct(-pl.col("fallback_score"), EVENT_ID).rank("ordinal").over("batch_date")
    raised = (pl.col("decision") == "alert").sum().over("batch_date")
    called = (place <= raised) & pl.col("fallback_score").is_not_null()
    return scores.with_columns(fallback_alert=called)


def _nights(ordered: pl.DataFrame) -> Iterator[Quality]:
    for (day,), night in ordered.group_by("batch_date", maintain_order=True):
        quality = _beside(_quality(str(day), night), night)
        yield replace(quality, estimate=_estimate(night)) if "probability" in night else quality


def _beside(quality: Quality, night: pl.DataFrame) -> Quality:
    """With what scored the night, and what the challenger's scores in the shadow were worth."""
    if "score_source" not in night:
        return quality
    one = night.row(0, named=True)
    known = night.filter(pl.col("label").is_not_null())
    is_value = quality.of_values is not None
    shadow = None if is_value else _average_precision(known, "challenger_score", None)[0]
    is_paired = one["score_source"] == "champion" and not night["challenger_score"].null_count()
    return replace(
        quality,
        score_source=one["score_source"],
        model_version=one["model_version"],
        challenger_version=one["challenger_version"] if is_paired else None,
        challenger_average_precision=shadow if is_paired else None,
    )


def _estimate(night: pl.DataFrame) -> Estimate:
    chances = night.filter(pl.col("probability").is_not_null())
    is_alert = pl.col("decision") == "alert"
    alerts, others = (
        chances.filter(which)["probability"].to_numpy() for which in (is_alert, ~is_alert)
    )
    return estimate(alerts, others, seed=0)


def _quality(name: str, scored: pl.DataFrame, seed: int | None = None) -> Quality:
    known = scored.filter(pl.col("label").is_not_null())
    positives = int(known["label"].sum())
    alerts = known.filter(pl.col("decision") == "alert")
    hits = int(alerts["label"].sum())
    precision, interval = _average_precision(known, "score", seed)
    beside, beside_interval = _average_precision(known, "fallback_score", seed)
    return Quality(
        batch_date=name,
        scored=scored.height,
        known=known.height,
        positives=positives,
        base_rate=positives / known.height if known.height else None,
        average_precision=precision,
        fallback_average_precision=beside,
        alerts=alerts.height,
        hits=hits,
        precision=hits / alerts.height if alerts.height else None,
        recall=hits / positives if positives else None,
        fallback_hits=int(known.filter("fallback_alert")["label"].sum()),
        promised=float(alerts["probability"].sum()) if "probability" in alerts else 0.0,
        all_alerts=scored.filter(pl.col("decision") == "alert").height,
        interval=interval,
        fallback_interval=beside_interval,
    )


def _average_precision(
    known: pl.DataFrame, column: str, seed: int | None
) -> tuple[float | None, tuple[float, float] | None]:
    """Average precision of one column of scores, with an interval where a seed is given."""
    rows = known.filter(pl.col(column).is_not_null())
    if not rows["label"].sum():
        return None, None
    ranking = rank_rows(rows["label"].to_numpy(), rows[column].to_numpy())
    value = average_precision(ranking)
    if seed is None:
        return value, None

    def resampled(weights: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
        return average_precision(ranking, weights)

    return value, bootstrap(resampled, rows.height, BOOTSTRAP_ROUNDS, seed)
