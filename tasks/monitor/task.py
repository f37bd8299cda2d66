"""The monitoring stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from tasks.core.artifacts import Drift, Features, Labels, Model, Ref, Scores
from tasks.core.errors import ModelError, StoreError
from tasks.core.event import EVENT_ID
from tasks.core.parquet import ROW_GROUP_ROWS
from tasks.core.run import Run
from tasks.core.store import Store, table_uri
from tasks.models.base import Vector
from tasks.models.baseline import SCORE
from tasks.models.bundle import Role, open_bundle
from tasks.models.comparison import Comparison, Watched, compare, compare_values
from tasks.monitor.config import DriftConfig
from tasks.monitor.drift import SCHEMA, measure, to_frame
from tasks.monitor.paired import differences
from tasks.monitor.quality import Realised
from tasks.monitor.realised import realised
from tasks.task import stage

_COLUMNS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Measured:
    """How far a night is from the training of the model that scored it.

    Args:
        table: one row for each feature of the model and one for the score.
        failure: why nothing was measured; empty where something was.
    """

    table: Ref[Drift]
    failure: str = ""


@stage("drift")
def measure_drift(
    run: Run,
    config: DriftConfig,
    features: Ref[Features],
    scores: Ref[Scores],
    model: tuple[Ref[Model], Role],
) -> Measured:
    """Hold a night's features and scores against the baseline of the model that scored.

    A baseline that is missing or damaged leaves the table empty: it does not stop a night.

    Args:
        run: the run.
        config: thresholds.
        features: the night's features.
        scores: the night's scores.
        model: the bundle, and the member of it that scored.
    """
    ref, role = model
    uri = table_uri("drift", run.pipeline, "drift", run.batch)
    try:
        baselines = open_bundle(run.store, ref).baselines()
        known = {name: each for name, each in baselines.items() if not name.startswith(SCORE)}
        score = baselines[f"{SCORE}{role}"]
    except (ModelError, StoreError) as error:
        empty = run.write_table(Drift, pl.DataFrame(schema=dict(SCHEMA)), uri)
        return Measured(empty, f"{error.required}; found {error.found}")
    asked = len(known) + 1
    rows = [
        measure(name, "feature", values, known[name], config, asked)
        for name, values in _columns(run.scan(features), list(known))
    ]
    tonight = run.scan(scores).select("score").collect()["score"].to_numpy()
    rows.append(measure("score", "score", tonight, score, config, asked))
    return Measured(run.write_table(Drift, to_frame(rows), uri))


@stage("rescore")
def rescore(
    run: Run, features: Ref[Features], model: tuple[Ref[Model], Role]
) -> pl.DataFrame | None:
    """Score events with a member of a bundle, as a night would have had it scored them.

    Returns:
        `event_id`, `score` and `probability`; None where the events lack a feature of the model.

    Raises:
        ModelError, StoreError: the bundle is no longer there, or damaged.
    """
    bundle = open_bundle(run.store, model[0])
    member, names = bundle.read(model[1]), list(bundle.facts.features)
    table = run.scan(features)
    if not set(names) <= set(table.collect_schema()):
        return None
    parts = [np.empty(0, np.float32)]
    for start in range(0, features.rows, ROW_GROUP_ROWS):
        some = table.select(pl.col(names).cast(pl.Float32).fill_null(float("nan")))
        matrix = some.slice(start, ROW_GROUP_ROWS).collect().to_numpy()
        parts.append(member.scorer.score(np.array(matrix, np.float32, order="C")))
    scores = np.concatenate(parts).astype(np.float64)
    return (
        table.select(EVENT_ID)
        .collect()
        .with_columns(
            score=pl.Series(scores),
            probability=pl.Series(member.calibration.probability(scores)).fill_nan(None),
        )
    )


def _columns(table: pl.LazyFrame, names: Sequence[str]) -> Iterator[tuple[str, Vector]]:
    """Columns one by one, NaN for null, a few of them in memory at a time."""
    for start in range(0, len(names), _COLUMNS_AT_ONCE):
        some = table.select(names[start : start + _COLUMNS_AT_ONCE]).collect()
        for column in some:
            values = column.cast(pl.Float32).fill_null(float("nan")).to_numpy()
            yield column.name, np.asarray(values)


@stage("realise")
def realise(
    reader: Store | Run,
    scores: Sequence[Ref[Scores]],
    labels: Sequence[Ref[Labels]],
    is_reviewed: bool = False,
) -> Realised:
    """Measure the scores of past nights against the labels known by now.

    Args:
        reader: a store, or a run that may have just written the labels.
        scores: the scores of one or more nights.
        labels: one or more tables of labels; of several for an event the last one counts.
        is_reviewed: whether they are verdicts on alerts.
    """
    known = pl.concat([reader.scan(ref).select("event_id", "label") for ref in labels])
    nights = pl.concat([reader.scan(ref) for ref in scores], how="diagonal_relaxed")
    columns = (
        "event_id",
        "batch_date",
        "rank",
        "score",
        "fallback_score",
        "decision",
        "probability",
        "queue",
        "propensity",
        "score_source",
        "model_version",
        "challenger_score",
        "challenger_version",
        "interval_low",
        "interval_high",
    )
    return realised(
        nights.select(columns).collect(),
        known.unique("event_id", keep="last", maintain_order=True).collect(),
        is_reviewed,
    )


@stage("compare_realised")
def compare_realised(
    run: Run,
    nights: Sequence[Ref[Scores]],
    labels: Ref[Labels],
    versions: tuple[str, str],
    record: Mapping[str, Any],
    rounds: int,
    seed: int,
) -> Comparison | None:
    """Compare challenger and champion on past nights that both scored, by the labels known now.

    Two intervals have to agree, as every night looks at them again: that of a paired bootstrap over
    the rows of these nights, and one of the nightly differences that holds at all looks together.
    The latter is of every night since both score, whether it is measured anew or not.

    Args:
        run: a run that may have just written the labels.
        nights: the scores of past nights.
        labels: the labels known by now.
        versions: the challenger's and the champion's.
        record: of the nights that both scored (`tasks.monitor.paired`).
        rounds: resamples.
        seed: of the resampling.

    Returns:
        None where there is no such night.
    """
    challenger, champion = versions
    both = (
        (pl.col("challenger_version") == challenger)
        & (pl.col("model_version") == champion)
        & (pl.col("score_source") == "champion")
        & pl.col("challenger_score").is_not_null()
    )
    columns = ("event_id", "batch_date", "score", "challenger_score")
    scored = pl.concat(
        [run.scan(ref).filter(both).select(columns) for ref in nights], how="vertical_relaxed"
    )
    told = run.scan(labels)
    is_value = told.collect_schema()["label"].is_float()
    known = told.select("event_id", pl.col("label").cast(pl.Float64))
    rows = scored.join(known, on="event_id").sort("batch_date", "event_id").collect()
    if not rows.height:
        return None
    days = rows["batch_date"].cast(pl.Int32).cast(pl.Float64)
    labelled, beside, served = (
        rows[name].to_numpy() for name in ("label", "challenger_score", "score")
    )
    comparing = compare_values if is_value else compare
    found = comparing(labelled, beside, served, days.to_numpy(), rounds, seed)
    return replace(found, watched=Watched.of(differences(record, challenger, champion)))
