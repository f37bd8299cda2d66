"""Realised quality: scores of past nights against labels that arrived since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl

from tasks.core.event import EVENT_ID
from tasks.models.metrics import average_precision, bootstrap, rank_rows
from tasks.monitor.estimates import Estimate, estimate
from tasks.monitor.exploration import explore
from tasks.monitor.quality import Quality, Realised
from tasks.monitor.realised_values import value_quality

BOOTSTRAP_ROUNDS = 200
ALL = "all"


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
