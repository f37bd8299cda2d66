"""Nights scored again as another night was: by its features, its model, or both."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl

from flows.clock import attempt_name
from flows.history import history, inputs, past_labels
from flows.landing import landed
from flows.pipeline import Pipeline
from flows.preparing import prepare_on
from tasks.core.artifacts import Features, Model, Ref, Scores
from tasks.core.commit import last_commit, open_run
from tasks.core.errors import LamplighterError
from tasks.core.keys import digest
from tasks.core.records import Commit
from tasks.core.store import table_uri
from tasks.core.treatments import Learned
from tasks.features.config import FeaturesConfig
from tasks.features.task import build_features
from tasks.models.aliases import BATCH
from tasks.models.bundle import Role, open_bundle
from tasks.models.calibration import Calibration
from tasks.monitor.changes import Part
from tasks.monitor.task import rescore
from tasks.prepare.config import PrepareConfig
from tasks.score.decide import ALERT

_DAY = dt.timedelta(days=1)
_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Way:
    """How a night was scored, as far as it can still be done again.

    Args:
        record: what the night published.
        scored: `event_id`, `score`, `probability` and `is_alert` of its events.
        version: the model that scored, and as what.
        model: its bundle and member; None where it is no longer kept.
        learned: the preparation of that bundle.
        calibration: of that member; None where it is no longer kept.
        definitions: digest of what the features were made by.
    """

    record: Commit
    scored: pl.DataFrame
    version: str
    model: tuple[Ref[Model], Role] | None
    learned: Learned | None
    calibration: Calibration | None
    definitions: str


def scores_of(record: Commit) -> Ref[Scores]:
    found = record.find(Scores, table_uri("scores", record.pipeline, "scores", record.batch))
    assert found is not None, record.batch
    return found


def way_of(pipeline: Pipeline, record: Commit) -> Way:
    store = pipeline.store
    table = store.scan(scores_of(record))
    alert = pl.col("decision") == ALERT
    if record.facts["definitions"]["decision"]["kind"] == "triage":
        # Bonus and lots have no cut; what is told apart is the ranking under them.
        alert = pl.col("rank") <= alert.sum()
    scored = table.select("event_id", "score", "probability", is_alert=alert).collect()
    source = table.select("score_source").head(1).collect()
    source_name = source.item() if source.height else ""
    version = record.facts["model_version"]
    role: Role = "fallback" if source_name == "fallback" else "model"
    models = last_commit(store, pipeline.name, BATCH)
    ref = models.find(Model, f"models/{pipeline.name}/{version}/model.json") if models else None
    made = {name: record.facts["definitions"][name] for name in ("features", "prepare")}
    learned: Learned | None = None
    calibration: Calibration | None = None
    if ref is not None:
        with suppress(LamplighterError):
            bundle = open_bundle(store, ref)
            preparation = bundle.readable_preparation if role == "fallback" else bundle.preparation
            learned = preparation()
            # Last: weights that were damaged since take nothing from what was prepared with them.
            calibration = bundle.read(role).calibration
    key = digest({**made, "learned": asdict(learned.record) if learned else version})
    model = (ref, role) if ref is not None and learned is not None else None
    return Way(record, scored, f"{source_name} {version}", model, learned, calibration, key)


def worlds(
    pipeline: Pipeline, ways: tuple[Way, Way], changed: Sequence[Part]
) -> dict[tuple[bool, bool, bool], pl.DataFrame]:
    """The scored events of both nights, scored in each way that can still be done."""
    features, model = "features" in changed, "model" in changed
    own = ways[0].scored.drop("is_alert"), ways[1].scored.drop("is_alert")
    worlds = {(False, False, False): own[0], (True, features, model): own[1]}
    for data in (False, True):
        for f in {False, features}:
            by_model = {m: ways[m].model for m in {False, model} if (data, f, m) not in worlds}
            if by_model and ways[f].learned is not None:
                worlds |= _scored_as(pipeline, ways, data, f, by_model)
    return worlds


def _scored_as(
    pipeline: Pipeline,
    ways: tuple[Way, Way],
    data: bool,
    features: bool,
    models: dict[bool, tuple[Ref[Model], Role] | None],
) -> dict[tuple[bool, bool, bool], pl.DataFrame]:
    """Events of one night, with the features of one, scored by models; nothing is published."""
    day, found = ways[data].record.batch, {}
    unit = f"changes-{day}"
    with open_run(pipeline.store, pipeline.name, unit, attempt_name(), _WAIT_SECONDS) as run:
        made = _as_defined(pipeline, ways[features].record)
        learned = ways[features].learned
        assert learned is not None
        with suppress(LamplighterError):  # what these definitions need may no longer be there
            table = _built(run, made, dt.date.fromisoformat(day), learned)
            for m, model in models.items():
                with suppress(LamplighterError):  # nor may a model be whole
                    scored = rescore(run, table, model) if model else None
                    if scored is not None:
                        found[data, features, m] = scored
    return found


def _as_defined(pipeline: Pipeline, record: Commit) -> Pipeline:
    """The pipeline with the features and the preparation that a night was made by."""
    kept, config = record.facts["definitions"], pipeline.config
    features = FeaturesConfig.model_validate(kept["features"])
    update = {
        "features": features.with_label_delay(config.label.delay),
        "prepare": PrepareConfig.model_validate(kept["prepare"]),
    }
    return replace(pipeline, config=config.model_copy(update=update))


def _built(run: Any, pipeline: Pipeline, day: dt.date, learned: Learned) -> Ref[Features]:
    """The features of a date by what a model learned."""
    config = pipeline.config
    tables = landed(pipeline, day, list(config.sources))
    past = history(pipeline, day, day - _DAY)
    events = (*past.events.tables.values(), tables[config.event.table])
    _, reached = prepare_on(run, pipeline, learned, events, (day, day))
    labels = past_labels(run, pipeline, past, tables, day)
    read = inputs(pipeline, reached, past, tables, labels)
    states = learned.record.features
    return build_features(run, config.features, config.event, read, (day, day), states).table
