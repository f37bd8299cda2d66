"""Beside each night: why its alerts are others than those of the night before.

What a night is compared with may be published after it: in a backfill that runs backwards, or
when an earlier date is run again. So the comparison is no part of the night's run. It is published
beside it as soon as both nights are there, and anew whenever one of them is another.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl

from flows.clock import attempt_name
from flows.history import history, inputs, past_labels
from flows.landing import landed
from flows.pipeline import Pipeline
from flows.preparing import prepare_on
from flows.provenance import provenance
from tasks.core.artifacts import Features, Model, Ref, Scores
from tasks.core.commit import commit, last_commit, open_run
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
from tasks.monitor import changes
from tasks.monitor.changes import Cut, Part
from tasks.monitor.task import rescore
from tasks.prepare.config import PrepareConfig
from tasks.report.task import publish_changes
from tasks.score.decide import ALERT

FACT = "compared"
_DAY = dt.timedelta(days=1)
_LOOK_BACK_DAYS = 31
_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Way:
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


def definitions(pipeline: Pipeline) -> dict[str, Any]:
    """What a night's commit keeps, so that it can be compared when the file says otherwise."""
    config = pipeline.config
    return {
        "decision": config.decision.model_dump(mode="json"),
        "features": config.features.model_dump(mode="json", by_alias=True),
        "prepare": config.prepare.model_dump(mode="json", by_alias=True),
    }


def keep_changes(pipeline: Pipeline, days: Iterable[dt.date]) -> list[str]:
    """Compare nights, and the nights after them, with the nights before, where that is due.

    Returns:
        What could not be compared, one sentence each: it stops nothing.
    """
    failed = []
    after = (_neighbour(pipeline, day, _DAY) for day in days)
    for day in sorted({*days, *filter(None, after)}):
        try:
            _keep(pipeline, day)
        except LamplighterError as error:
            failed.append(
                f"{day} was not compared with the night before: {error.required}; "
                f"found {error.found}"
            )
    return failed


def _neighbour(pipeline: Pipeline, day: dt.date, step: dt.timedelta) -> dt.date | None:
    """The next open date, or the last one with a negative step."""
    dates = (day + i * step for i in range(1, _LOOK_BACK_DAYS + 1))
    return next(filter(pipeline.config.calendar.is_open, dates), None)


def _keep(pipeline: Pipeline, day: dt.date) -> None:
    before = _neighbour(pipeline, day, -_DAY)
    nights = [_night(pipeline, before), _night(pipeline, day)] if before else []
    if None in nights or not nights:
        return
    first, second = (night for night in nights if night is not None)
    basis = {each.uri: each.sha256 for each in map(_scores, (first, second))}
    if second.facts.get(FACT) == basis:
        return
    rows = _compare(pipeline, (first, second))
    with open_run(pipeline.store, pipeline.name, str(day), attempt_name(), _WAIT_SECONDS) as run:
        record = last_commit(pipeline.store, pipeline.name, str(day))
        if record is None or _scores(record).sha256 != _scores(second).sha256:
            return  # the night was run again meanwhile, and is compared by that run
        made = provenance(
            pipeline,
            str(day),
            basis,
            record.facts["model_version"],
            record.facts["run_id"],
        )
        for ref in record.files:
            run.keep(ref)
        publish_changes(run, rows, made)
        commit(run, {**record.facts, FACT: basis})


def _night(pipeline: Pipeline, day: dt.date) -> Commit | None:
    record = last_commit(pipeline.store, pipeline.name, str(day))
    return record if record is not None and record.facts.get("kind") == "night" else None


def _scores(record: Commit) -> Ref[Scores]:
    found = record.find(Scores, table_uri("scores", record.pipeline, "scores", record.batch))
    assert found is not None, record.batch
    return found


def _compare(pipeline: Pipeline, records: tuple[Commit, Commit]) -> pl.DataFrame:
    """The rows of the changes table."""
    ways = _way(pipeline, records[0]), _way(pipeline, records[1])
    nights = (_told(ways[0]), _told(ways[1]))
    changed = _changed(ways, nights)
    worlds = _worlds(pipeline, ways, changed)
    rows = [
        {
            "measure": measure,
            "part": part,
            "value": parts.get(part, 0.0),
            "changed": part in changed or part in parts,
            "detail": _detail(part, ways, nights, changed, parts),
            "before": was,
            "after": now,
            "compared_with": records[0].batch,
        }
        for measure, parts, was, now in changes.compare(worlds, nights, changed)
        for part in changes.PARTS
    ]
    return pl.DataFrame(rows)


def _way(pipeline: Pipeline, record: Commit) -> _Way:
    store = pipeline.store
    table = store.scan(_scores(record))
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
            calibration = bundle.read(role).calibration
            preparation = bundle.readable_preparation if role == "fallback" else bundle.preparation
            learned = preparation()
    key = digest({**made, "learned": asdict(learned.record) if learned else version})
    model = (ref, role) if ref is not None and learned is not None else None
    return _Way(record, scored, f"{source_name} {version}", model, learned, calibration, key)


def _told(way: _Way) -> changes.Night:
    rule = way.record.facts["definitions"]["decision"]
    cut = Cut.of(way.scored)
    if rule["kind"] == "threshold":
        if rule.get("value") is None:
            cut = Cut(probability=rule["probability"])
        elif rule["at"] == "predicted":
            cut = Cut(value=rule["value"])
    elif rule["kind"] == "cost":
        cut = Cut(probability=rule["review"] / rule["missed"], is_strict=True)
    return changes.Night(way.record.batch, cut, way.calibration, way.version)


def _changed(ways: tuple[_Way, _Way], nights: tuple[changes.Night, changes.Night]) -> list[Part]:
    last, now = ways
    same: dict[Part, bool] = {
        "data": False,
        "features": last.definitions == now.definitions,
        "model": last.version.split()[-1] == now.version.split()[-1]
        and (last.model or (None, ""))[1] == (now.model or (None, ""))[1],
        "threshold": nights[0].cut == nights[1].cut,
    }
    return [part for part, is_same in same.items() if not is_same]


def _worlds(
    pipeline: Pipeline, ways: tuple[_Way, _Way], changed: Sequence[Part]
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
    ways: tuple[_Way, _Way],
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


def _detail(
    part: Part,
    ways: tuple[_Way, _Way],
    nights: tuple[changes.Night, changes.Night],
    changed: Sequence[Part],
    parts: dict[Part, float],
) -> str:
    if part == "together":
        return "features and model, or all, could not be told apart" if part in parts else ""
    if part not in changed:
        return "the same"
    if "together" in parts and part not in parts:
        return "not told apart: see together"
    return {
        "data": f"{ways[1].scored.height:,} events after {ways[0].scored.height:,}",
        "features": "other definitions, or another preparation learned",
        "model": f"{nights[1].model} after {nights[0].model}",
        "threshold": f"{_cut(nights[1].cut)} after {_cut(nights[0].cut)}",
    }[part]


def _cut(cut: Cut) -> str:
    if cut.probability is not None:
        return f"a probability of {cut.probability:g}"
    if cut.value is not None:
        return f"a value of {cut.value:,g}"
    return f"a score of {cut.score:.3g}"
