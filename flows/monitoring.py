"""Monitoring: what past nights turned out to be worth, once their labels are known; retraining."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from prefect import flow
from prefect.context import FlowRunContext
from prefect.events import emit_event

from flows import afterwards, clock
from flows.explored import UNIT, explored_fact
from flows.flow_runs import due_date, run_name
from flows.history import verdicts
from flows.notices import Notice, notify
from flows.pipeline import Pipeline, load
from flows.promotion import by_labels, promote_better
from flows.provenance import provenance
from flows.put_up import put_up_monitoring
from flows.service import identity
from flows.training import train as train_flow
from flows.watching import drifted
from flows.windows import window
from tasks.core.artifacts import Labels, Ref, Scores
from tasks.core.commit import commit, committed_batches, last_commit, open_run
from tasks.core.config import whole_days
from tasks.core.errors import ConfigError, DataError, LamplighterError
from tasks.core.records import Commit
from tasks.core.run import Run
from tasks.core.store import Store, table_uri
from tasks.labels.config import Disposition, NoLabel
from tasks.labels.task import label_events
from tasks.models.aliases import BATCH, Aliases, find_aliases
from tasks.models.bundle import open_bundle, version_of
from tasks.monitor.paired import paired
from tasks.monitor.quality import Quality, Realised, settled_hits
from tasks.monitor.retrain import Reason, due
from tasks.monitor.task import realise
from tasks.report.task import publish_realised

_PAIRED = "paired"
TRAINING_DUE = "lamplighter.training-due"
_OF_VALUES = (
    *("rmse", "mae", "r2", "fallback_rmse", "coverage", "mean_value", "value_of_alerts"),
    "challenger_rmse",
)


@flow(name="monitor", flow_run_name=run_name)
def monitor(pipeline: str, date: dt.date | None = None, train: bool = False) -> Realised:
    """Measure the published scores against the labels known by the end of a date.

    Where a rule of `monitoring.retrain` asks for a training, the result says why, and a Prefect
    server hears of it: the deployment `train/PIPELINE@NAME` is started by that event.

    Args:
        pipeline: name or file of the pipeline.
        date: the date; empty means the day before the run was due.
        train: train in this run, where a rule asks for it.

    Raises:
        ConfigError: the pipeline has no label.
        DataError: no night was scored.
    """
    loaded = load(pipeline)
    loaded.check_secrets()
    if isinstance(loaded.config.label, NoLabel):
        raise ConfigError(
            "a label, to measure scores against",
            found="label.kind none",
            where=f"pipeline {loaded.name}",
            do="Name the column or the later rows that tell labels, once there are some.",
        )
    known_by = date or due_date(loaded.config.timezone)
    nights = _scored_nights(loaded, known_by)
    if not nights:
        raise DataError(
            "a scored night",
            found=f"none up to {known_by}",
            where=f"commits/{loaded.name}",
            do=f"Run a night first: lamplighter run {loaded.name} --date D",
        )
    realised = _measure(loaded, nights, known_by)
    reasons = _due(loaded, nights, realised, known_by)
    if reasons:
        _tell(loaded, known_by, reasons)
        if train:
            train_flow.fn(pipeline, known_by)
        elif FlowRunContext.get() is not None:
            _ask_for_training(loaded, known_by, reasons)
    told = (*realised.warnings, *loaded.unheard(), *afterwards.follow_monitoring(loaded))
    found = replace(realised, due=reasons, warnings=told)
    return replace(found, warnings=(*told, *put_up_monitoring(loaded, known_by, found)))


def _measure(
    pipeline: Pipeline, nights: Mapping[dt.date, tuple[Commit, Ref[Scores]]], known_by: dt.date
) -> Realised:
    """Measure the nights of the window, and publish what each is worth by now."""
    config = pipeline.config
    recent = max(nights) - config.monitoring.window
    within = {day: found for day, found in nights.items() if day > recent}
    # What happens after the last label's delay says nothing of it, and may not be there at all.
    last = min(known_by, max(within) + whole_days(config.label.delay))
    answers = window(pipeline, min(within), last)
    reviewed = verdicts(pipeline, min(within), last)
    said = tuple(reviewed.tables.values()) if reviewed else ()
    lacking = (*answers.told(), *(reviewed.told("verdicts") if reviewed else ()))
    with open_run(pipeline.store, pipeline.name, UNIT, clock.attempt_name()) as run:
        labels: Ref[Labels] = label_events(
            run,
            config.label,
            config.event,
            tuple(answers.tables.values()),
            known_by,
            verdicts=said,
            gaps=answers.gaps,
        )
        scored = [scores for _, scores in within.values()]
        realised = realise(run, scored, [labels], isinstance(config.label, Disposition))
        facts = _publish(run, pipeline, within, realised, known_by)
        found = by_labels(run, pipeline, scored, labels, facts[_PAIRED])
        run.discard(labels)
        commit(run, facts)
    told = tuple(f"Labels lack {gap}" for gap in lacking)
    return replace(realised, challenger=promote_better(pipeline, found), warnings=told)


def _publish(
    run: Run,
    pipeline: Pipeline,
    nights: Mapping[dt.date, tuple[Commit, Ref[Scores]]],
    realised: Realised,
    known_by: dt.date,
) -> dict[str, Any]:
    """Write the row of each night, and give the facts of the commit.

    What was measured by a later date stays.
    """
    before = last_commit(run.store, run.pipeline, UNIT)
    known: dict[str, str] = dict(before.facts["known_by"]) if before else {}
    fresh = {
        quality.batch_date: quality
        for quality in realised.nights
        if known.get(quality.batch_date, "") <= str(known_by)
    }
    for ref in before.files if before else ():
        if not any(f"/batch_date={batch}/" in ref.uri for batch in fresh):
            run.keep(ref)
    for batch, quality in fresh.items():
        record, scores = nights[dt.date.fromisoformat(batch)]
        made = provenance(
            pipeline,
            batch,
            {scores.uri: scores.sha256},
            record.facts["model_version"],
            record.facts["run_id"],
        )
        publish_realised(run, _row(quality, known_by), made)
    record = before.facts.get(_PAIRED, {}) if before else {}
    return {
        "kind": UNIT,
        "known_by": known | dict.fromkeys(fresh, str(known_by)),
        _PAIRED: paired(fresh.values(), record, known_by, pipeline.config.label.delay),
        **explored_fact(realised, known_by),
    }


def _row(quality: Quality, known_by: dt.date) -> dict[str, Any]:
    """The columns of the realised table."""
    of_classes = quality.of_values is None
    row: dict[str, Any] = {
        "known_by": str(known_by),
        "status": quality.status,
        "scored": quality.scored,
        "known": quality.known,
        "positives": quality.positives if of_classes else None,
        "alerts": quality.all_alerts,
        "known_alerts": quality.alerts,
        "hits": quality.hits if of_classes else None,
        "promised_hits": quality.promised if of_classes else None,
        "precision": quality.precision,
        "recall": quality.recall,
        "average_precision": quality.average_precision,
        "fallback_average_precision": quality.fallback_average_precision,
        "challenger_version": quality.challenger_version,
        "challenger_average_precision": quality.challenger_average_precision,
    }
    row |= {name: getattr(quality.of_values, name, None) for name in _OF_VALUES}
    for name in ("precision", "recall"):
        found = getattr(quality.estimate, name) if quality.estimate else None
        for end in ("value", "low", "high"):
            key = f"expected_{name}" + ("" if end == "value" else f"_{end}")
            row[key] = getattr(found, end) if found else None
    return row


def _due(
    pipeline: Pipeline,
    nights: Mapping[dt.date, tuple[Commit, Ref[Scores]]],
    realised: Realised,
    day: dt.date,
) -> tuple[Reason, ...]:
    """Why a training is due, by the nights that the champion scored since the last training.

    While a challenger is on trial none is: another training would take its place.
    """
    store = pipeline.store
    aliases = find_aliases(store, last_commit(store, pipeline.name, BATCH))
    if aliases is None:
        return ()
    config, champion = pipeline.config, version_of(aliases.champion)
    own = {q.batch_date: q for q in realised.nights if _is_by(q, champion)}
    try:
        trained = _trained_by(store, aliases)
        trial = config.label.delay + config.monitoring.retrain.trial
        if aliases.challenger is not None and day < trained + trial:
            return ()
        since = (nights[each][0] for each in sorted(nights) if str(each) in own and each > trained)
        found = [drifted(pipeline, record) for record in since]
    except LamplighterError as error:
        return (Reason("damage", f"{error.required}; found {error.found}"),)
    hits = settled_hits(own.values(), day, config.label.delay)
    far = [each for each in found if each is not None]
    return due(config.monitoring.retrain, trained, day, far, hits)


def _is_by(night: Quality, champion: str) -> bool:
    """Whether a version scored a night as the champion, and not its fallback."""
    return (night.model_version, night.score_source) == (champion, "champion")


def _trained_by(store: Store, aliases: Aliases) -> dt.date:
    """By when labels were known to the last training, of the champion or of its challenger."""
    models = filter(None, (aliases.champion, aliases.challenger))
    known = (open_bundle(store, model).facts.reference.known_by for model in models)
    return max(map(dt.date.fromisoformat, known))


def _tell(pipeline: Pipeline, day: dt.date, reasons: tuple[Reason, ...]) -> None:
    """Record why a training is due, and tell people."""
    with open_run(pipeline.store, pipeline.name, f"due-{day}", clock.attempt_name()) as run:
        commit(run, {"kind": "training_due", "reasons": [asdict(reason) for reason in reasons]})
    told = "\n".join(f"{reason.rule}: {reason.text}" for reason in reasons)
    title = f"{pipeline.name}, {day}: a training is due"
    page = f"reports/{pipeline.name}/index.html"
    decay = [reason for reason in reasons if reason.rule == "decay"]
    notices = [Notice("retraining", title, told, page)]
    if decay:
        worse = f"{pipeline.name}, {day}: alerts are worth less than they promise"
        notices.append(Notice("decay", worse, decay[0].text, page))
    notify(pipeline, day, notices)


def _ask_for_training(pipeline: Pipeline, day: dt.date, reasons: tuple[Reason, ...]) -> None:
    """Tell the Prefect server; the deployment's trigger does the rest."""
    service = identity.of_pipeline(pipeline.folder)
    if service is None:
        return  # nothing was deployed that could hear it
    emit_event(
        TRAINING_DUE,
        resource={
            "prefect.resource.id": service.resource(pipeline.name),
            "prefect.resource.name": pipeline.name,
        },
        payload={"date": str(day), "reasons": [asdict(reason) for reason in reasons]},
    )


def _scored_nights(pipeline: Pipeline, last: dt.date) -> dict[dt.date, tuple[Commit, Ref[Scores]]]:
    found = {}
    for record in committed_batches(pipeline.store, pipeline.name):
        uri = table_uri("scores", pipeline.name, "scores", record.batch)
        scores = record.find(Scores, uri)
        if scores is not None and (day := dt.date.fromisoformat(record.batch)) <= last:
            found[day] = record, scores
    return found
