"""Publishes a night, a training, an incident or a run: its tables and its page."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tasks.core.artifacts import Ref, Report
from tasks.core.keys import canonical_json
from tasks.core.parquet import read_metadata
from tasks.core.results import Selection
from tasks.core.run import Run
from tasks.core.store import table_uri
from tasks.report import checks, justification, night_view, page, summary, tables, trends
from tasks.report.conform import describe
from tasks.report.contract import TABLES
from tasks.report.records import (
    Incident,
    NightReport,
    NightTables,
    Provenance,
    RunRecord,
    TrainingReport,
)
from tasks.task import stage


@stage("report")
def publish(run: Run, night: NightReport) -> Ref[Report]:
    """Write a night's tables and its page.

    Returns:
        The page; the tables lie beside it, each in its own folder.

    Raises:
        SchemaDriftError: a table lacks a column of its contract.
        DataError: a value is missing where the contract has one.
    """
    made, scored = night.provenance, run.scan(night.scored.table)
    _write(run, "scores", tables.scores(scored, night), made)
    alerts = tables.alerts(scored, night)
    quality = tables.data_quality(run.scan(night.quality), made)
    held = tables.quarantine([run.scan(ref) for ref in night.quarantine], made)
    _write(run, "alerts", alerts, made)
    _write(run, "data_quality", quality, made)
    _write(run, "quarantine", held, made)
    _write_common(run, night, made, "night")
    measured = (*night.metrics, *justification.measures(night.scored))
    _write(run, "model_metrics", tables.model_metrics(measured, night.curves, made), made)
    drifts = night_view.NO_DRIFT
    if night.drift is not None:
        drifts = tables.drift(run.scan(night.drift), made)
        _write(run, "drift", drifts, made)
    seen = night_view.see_night(night, scored, alerts, quality, drifts)
    _write_page(run, made, summary.markdown(seen).encode(), "summary.md")
    return _write_page(run, made, page.night_page(seen), "report.html")


@stage("report_training")
def publish_training(run: Run, training: TrainingReport) -> Ref[Report]:
    """Write a training's tables and its page.

    Returns:
        The page.
    """
    made, trained = training.provenance, training.trained
    measured = tables.model_metrics(trained.metrics, trained.curves, made)
    _write(run, "model_metrics", measured, made, "training")
    if trained.trials:
        _write(run, "trials", tables.trials(trained.trials, made), made, "training")
    _write_common(run, training, made, "training")
    return _write_page(run, made, page.training_page(training), "training.html")


@stage("report_incident")
def publish_incident(run: Run, incident: Incident, stopped: Run | None = None) -> Ref[Report]:
    """Write why a night was stopped, for people and for programs, below `incidents/`.

    Args:
        run: what the incident is published with.
        incident: what happened.
        stopped: the run whose staging holds the quality table, where it is another one.

    Returns:
        The page; `incident.json` lies beside it.
    """
    made = incident.provenance
    quality = checks.NO_QUALITY
    if incident.quality is not None:
        quality = tables.data_quality((stopped or run).scan(incident.quality), made)
    told = dataclasses.asdict(incident) | {"quality": quality.to_dicts()}
    _write_incident(run, made, canonical_json(told), "incident.json")
    content = page.incident_page(incident, checks.see_expectations(quality))
    return _write_incident(run, made, content, "incident.html")


@stage("report_verdicts")
def publish_verdicts(run: Run, selection: Selection, made: Provenance) -> Ref[Report]:
    """Write the verdicts of a selection that selected nothing, below `incidents/`."""
    table = "features_selected"
    uri = f"incidents/{made.pipeline}/batch_date={made.batch_date}/{table}.parquet"
    frame = tables.features_selected(selection, made)
    return run.write_table(Report, frame, uri, describe(TABLES[table], made))


@stage("report_changes")
def publish_changes(run: Run, compared: pl.DataFrame, made: Provenance) -> None:
    """Write why a published night's alerts are others than the night before; tell it on its page.

    Args:
        run: of the night's batch, which keeps what the night published.
        compared: a row for each measure and part.
        made: the night's.
    """
    frame = tables.changes(compared, made)
    _write(run, "changes", frame, made)
    uri = table_uri("reports", made.pipeline, "report", made.batch_date, "report.html")
    night = next(ref for ref in run.written() if ref.uri == uri)
    told = page.with_changes(run.read_bytes(night), frame)
    _write_page(run, made, told, "report.html")


@stage("report_afterwards")
def publish_afterwards(
    run: Run, row: Ref[Report], page_of: Ref[Report], sentences: Sequence[str]
) -> None:
    """Add to a published run's row and page what could not be done after it.

    Args:
        run: of the batch, which keeps what was published.
        row: the run's row in `runs`.
        page_of: its page.
        sentences: what could not be done.
    """
    frame = run.scan(row).collect()
    told = pl.Series([[*frame["warnings"][0], *sentences]], dtype=frame.schema["warnings"])
    amended = frame.with_columns(warnings=told)
    run.write_table(Report, amended, row.uri, read_metadata(run.path(row)))
    content = page.with_afterwards(run.read_bytes(page_of), sentences)
    run.write_bytes(Report, content, page_of.uri)


@stage("report_realised")
def publish_realised(run: Run, measured: Mapping[str, Any], made: Provenance) -> Ref[Report]:
    """Write what a night turned out to be worth, as far as its labels are known.

    Args:
        run: of a batch of its own, for labels arrive long after the night.
        measured: the columns of the table, by name.
        made: the night's.
    """
    return _write(run, "realised", tables.realised(measured, made), made)


@stage("report_index")
def publish_index(run: Run, nights: Sequence[NightTables]) -> Ref[Report]:
    """Write the page over all nights, from their published tables.

    Args:
        run: of a batch of its own, for every night changes this page.
        nights: in any order.

    Returns:
        `reports/<pipeline>/index.html`.
    """
    lines = trends.in_a_row(
        trends.see_line(
            night.batch_date,
            run.scan(night.runs).collect(),
            run.scan(night.alerts).select("probability").collect(),
            run.scan(night.data_quality).collect(),
            run.scan(night.drift).select("kind", "verdict").collect() if night.drift else None,
            run.scan(night.realised).collect() if night.realised else None,
        )
        for night in nights
    )
    content = page.index_page(run.pipeline, lines)
    return run.write_bytes(Report, content, f"reports/{run.pipeline}/index.html")


def publish_run(run: Run, record: RunRecord) -> Ref[Report]:
    """Write the run's row; the last thing before the commit, for it counts what was written."""
    written = sum(run.path(ref).stat().st_size for ref in run.written())
    return _write(run, "runs", tables.runs(record, written), record.provenance, record.kind)


def _write_common(
    run: Run, told: NightReport | TrainingReport, made: Provenance, name: str
) -> None:
    _write(run, "ledger", tables.ledger(told.ledger, made), made, name)
    _write(run, "preparation", tables.preparation(told.treated, made), made, name)
    selected = tables.features_selected(told.selection, made)
    _write(run, "features_selected", selected, made, name)


def _write(
    run: Run,
    table: str,
    frame: pl.DataFrame | pl.LazyFrame,
    made: Provenance,
    name: str = "night",
) -> Ref[Report]:
    uri = table_uri("reports", made.pipeline, table, made.batch_date, f"{name}.parquet")
    return run.write_table(Report, frame, uri, describe(TABLES[table], made))


def _write_page(run: Run, made: Provenance, content: bytes, name: str) -> Ref[Report]:
    uri = table_uri("reports", made.pipeline, "report", made.batch_date, name)
    return run.write_bytes(Report, content, uri)


def _write_incident(run: Run, made: Provenance, content: bytes, name: str) -> Ref[Report]:
    uri = f"incidents/{made.pipeline}/batch_date={made.batch_date}/{name}"
    return run.write_bytes(Report, content, uri)
