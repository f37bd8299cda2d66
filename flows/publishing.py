"""The end of a run: what the stages made, gathered into reports, published and put up."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

from prefect.artifacts import create_markdown_artifact
from prefect.context import FlowRunContext

from flows import clock
from flows.costs import Costs
from flows.landing import Landing, Window
from flows.pipeline import Pipeline
from tasks.core.artifacts import Built, LedgerLine, Report, Scored, Selection
from tasks.core.commit import Run, commit, last_commit, open_run
from tasks.core.errors import IntegrityError, LamplighterError
from tasks.core.keys import code_digest, run_id
from tasks.models.bundle import Facts
from tasks.models.records import Curve, Trained
from tasks.report.records import (
    Histogram,
    Incident,
    NightReport,
    Provenance,
    RunRecord,
    TrainingReport,
)
from tasks.report.task import publish, publish_incident, publish_run, publish_training
from tasks.score.decide import rule_in_words

_PACKAGES = (
    "lamplighter",
    "polars",
    "prefect",
    "great_expectations",
    "torch",
    "xgboost",
    "xgboost-cpu",
)


@dataclass(frozen=True, slots=True)
class Night:
    """What became of a night, in figures small enough to be shown everywhere."""

    pipeline: str
    batch_date: str
    run_id: str
    rows_in: int
    valid: int
    quarantined: int
    scored: int
    alerts: int
    score_source: str
    model_version: str
    degraded: str
    gaps: tuple[str, ...]
    report: str
    open: bool = True


def closed_night(pipeline: Pipeline, day: dt.date) -> Night:
    """A date for which no data are due."""
    return Night(pipeline.name, str(day), "", 0, 0, 0, 0, 0, "", "", "", (), "", open=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the stages of a night made.

    Args:
        landing: the sources, landed and split.
        past: the dates before, which its features look into.
        scored: the scores.
        facts: what the model says of itself.
        ledger: every stage's lines, in the order the stages ran.
    """

    landing: Landing
    past: Window
    scored: Scored
    facts: Facts
    ledger: tuple[LedgerLine, ...]


def publish_night(run: Run, pipeline: Pipeline, outcome: Outcome, costs: Costs) -> Night:
    """Report a night and commit it: from here on the date has these tables."""
    landing, past, scored = outcome.landing, outcome.past, outcome.scored
    facts, ledger = outcome.facts, outcome.ledger
    made = _provenance(pipeline, run.batch, landing, past, scored.model_version)
    gaps = tuple(f"{day}: {reason}" for day, reason in past.gaps.items())
    night = NightReport(
        provenance=made,
        event=pipeline.config.event,
        scored=scored,
        quality=landing.validated.quality,
        quarantine=(*landing.quarantine, *landing.validated.quarantine),
        ledger=ledger,
        selection=facts.selection,
        rule=rule_in_words(pipeline.config.decision),
        metrics=facts.metrics,
        curves=tuple(curve for curve in facts.curves if curve.kind != _SPREAD),
        training_scores=_training_scores(facts.curves),
        usual=facts.usual,
        warnings=tuple(f"History lacks {gap}" for gap in gaps),
        config=pipeline.config.report,
    )
    page = publish(run, night)
    alerts = run.scan(scored.table).filter(decision="alert").collect().height
    told = Night(
        pipeline=pipeline.name,
        batch_date=run.batch,
        run_id=made.run_id,
        rows_in=sum(line.rows_in for line in ledger if line.stage == "ingest"),
        valid=sum(line.rows_out for line in ledger if line.stage == "validate"),
        quarantined=sum(line.quarantined for line in ledger),
        scored=scored.table.rows,
        alerts=alerts,
        score_source=scored.source,
        model_version=scored.model_version,
        degraded=scored.degraded,
        gaps=gaps,
        report=page.uri,
    )
    record = RunRecord(
        provenance=made,
        kind="night",
        status="done",
        started_at=costs.started_at,
        ended_at=clock.now(),
        stages=tuple(costs.stages),
        rows_in=told.rows_in,
        rows_quarantined=told.quarantined,
        rows_scored=told.scored,
        alerts=alerts,
        score_source=scored.source,
        reason=scored.degraded,
    )
    publish_run(run, record)
    _put_up(run, made, "summary.md")
    commit(run, _facts(made, "night", ledger))
    return told


def publish_stopped(run: Run, pipeline: Pipeline, error: LamplighterError, costs: Costs) -> None:
    """Publish why a night was stopped, beside the date's tables, which stay as they were."""
    made = Provenance(
        run_id=run_id(pipeline.name, run.batch, {"stopped": str(error)}),
        pipeline=pipeline.name,
        batch_date=run.batch,
        config_sha256=pipeline.digest,
        code_sha256=code_digest(),
        versions=versions(),
    )
    incident = Incident(
        provenance=made,
        stage=costs.stages[-1].stage if costs.stages else "",
        error=type(error).__name__,
        required=error.required,
        found=error.found,
        where=error.where,
        do=error.do,
        quality=getattr(error, "quality", None),
        ledger=getattr(error, "ledger", ()),
    )
    unit = f"incident-{run.batch}"
    with open_run(run.store, pipeline.name, unit, clock.attempt_name()) as aside:
        publish_incident(aside, incident, stopped=run)
        _put_up_error(error)
        commit(aside, _facts(made, "incident", incident.ledger))


def keep_reports(run: Run) -> None:
    """Have a training's commit keep the reports of the trainings before it."""
    record = last_commit(run.store, run.pipeline, run.batch)
    for ref in record.files if record else ():
        if ref.stage == Report.__name__.lower():
            try:
                run.keep(ref)
            except IntegrityError:
                # A damaged report of an earlier training must not stop this one.
                continue


def publish_trained(
    run: Run,
    pipeline: Pipeline,
    trained: Trained,
    selection: Selection,
    built: Built,
    costs: Costs,
) -> str:
    """Report a training and commit it: from here on its model is the champion."""
    made = Provenance(
        run_id=trained.reference.run_id,
        pipeline=pipeline.name,
        batch_date=trained.reference.known_by,
        config_sha256=pipeline.digest,
        code_sha256=code_digest(),
        model_version=trained.version,
        inputs=trained.reference.inputs,
        versions=versions(),
    )
    warnings = (f"The deep model failed: {trained.failure}",) if trained.failure else ()
    page = publish_training(run, TrainingReport(made, trained, selection, built.ledger, warnings))
    record = RunRecord(
        provenance=made,
        kind="training",
        status="done",
        started_at=costs.started_at,
        ended_at=clock.now(),
        stages=tuple(costs.stages),
        rows_in=sum(line.rows_in for line in built.ledger),
        reason=trained.failure,
    )
    publish_run(run, record)
    commit(run, _facts(made, "training", built.ledger))
    return page.uri


def versions() -> Mapping[str, str]:
    """Versions of the packages an outcome depends on most."""
    # XGBoost goes by two names: the build without GPU libraries is a package of its own.
    found = {}
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _provenance(
    pipeline: Pipeline, batch: str, landing: Landing, past: Window, model_version: str
) -> Provenance:
    inputs = {**{ref.uri: ref.sha256 for ref in past.tables.values()}, **landing.inputs}
    parts = {
        "config": pipeline.digest,
        "code": code_digest(),
        "inputs": inputs,
        "model": model_version,
    }
    return Provenance(
        run_id=run_id(pipeline.name, batch, parts),
        pipeline=pipeline.name,
        batch_date=batch,
        config_sha256=pipeline.digest,
        code_sha256=code_digest(),
        model_version=model_version,
        inputs=inputs,
        versions=versions(),
    )


def _facts(made: Provenance, kind: str, ledger: tuple[LedgerLine, ...]) -> Mapping[str, object]:
    return {
        "kind": kind,
        "run_id": made.run_id,
        "config_sha256": made.config_sha256,
        "code_sha256": made.code_sha256,
        "model_version": made.model_version,
        "inputs": dict(made.inputs),
        "ledger": [asdict(line) for line in ledger],
    }


_SPREAD = "probabilities"


def _training_scores(curves: tuple[Curve, ...]) -> Histogram | None:
    """How the champion's probabilities were spread over its test part."""
    for curve in curves:
        if curve.kind == _SPREAD and curve.split == "test":
            return Histogram(curve.x, curve.y)
    return None


def _put_up(run: Run, made: Provenance, name: str) -> None:
    """Show the night's summary in the Prefect UI, where a server is running."""
    if FlowRunContext.get() is None:
        return
    uri = f"reports/{made.pipeline}/report/batch_date={made.batch_date}/{name}"
    ref = next(ref for ref in run.written() if ref.uri == uri)
    create_markdown_artifact(
        run.read_bytes(ref).decode(), key=f"night-{made.pipeline}", description=made.batch_date
    )


def _put_up_error(error: LamplighterError) -> None:
    if FlowRunContext.get() is not None:
        text = f"## {type(error).__name__}\n\n```\n{error}\n```\n"
        create_markdown_artifact(text, key="incident", description="Why the night was stopped")
