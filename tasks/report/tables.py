"""The public tables, from what the stages made."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from tasks.core import ledger as ledger_lines
from tasks.core import quarantine as held_back
from tasks.core.event import EventConfig
from tasks.core.keys import digest_bytes
from tasks.core.results import LedgerLine, Selection, Verdict
from tasks.core.treatments import Treated, step_of
from tasks.models.records import Curve, Metric, Trial
from tasks.report import treatments, words
from tasks.report.conform import conform
from tasks.report.contract import TABLES
from tasks.report.records import NightReport, Provenance, RunRecord

ALERT = "alert"
_ALERT_ID_DIGITS = 16


def leading_columns(event: EventConfig) -> tuple[str, ...]:
    """The pipeline's own columns, which scores and alerts begin with: the key, then entities."""
    return tuple(dict.fromkeys((*event.key, *event.entities)))


def scores(scored: pl.LazyFrame, night: NightReport) -> pl.LazyFrame:
    """Every scored event, in the order it was scored."""
    frame = scored.with_columns(run_id=pl.lit(night.provenance.run_id))
    return conform(TABLES["scores"], frame, leading_columns(night.event))


def alerts(scored: pl.LazyFrame, night: NightReport) -> pl.DataFrame:
    """The events a reviewer should look at, the most suspicious first."""
    chosen = scored.filter(pl.col("decision") == ALERT).sort("rank", "event_id").collect()
    frame = chosen.with_columns(
        alert_id=_by_row(chosen["event_id"], lambda event: _alert_id(night.provenance, event)),
        severity=_by_row(
            chosen["probability"], lambda chance: words.severity(chance, night.config.severity)
        ),
        decision_rule=pl.lit(night.rule),
        decision_threshold=pl.col("score").min(),
        reasons_text=_by_row(
            chosen["reasons"], lambda reasons: words.reasons_text(reasons, night.usual)
        ),
        run_id=pl.lit(night.provenance.run_id),
    )
    return conform(TABLES["alerts"], frame.lazy(), leading_columns(night.event)).collect()


def quarantine(parts: Sequence[pl.LazyFrame], provenance: Provenance) -> pl.LazyFrame:
    """The rows every stage held back."""
    empty = pl.LazyFrame(schema=held_back.SCHEMA)
    frame = pl.concat([empty, *parts]).sort("stage", "table", "source", "line", "raw")
    return conform(TABLES["quarantine"], frame.with_columns(run_id=pl.lit(provenance.run_id)))


def data_quality(measured: pl.LazyFrame, provenance: Provenance) -> pl.DataFrame:
    """Every expectation with what it found."""
    frame = measured.with_columns(run_id=pl.lit(provenance.run_id))
    return conform(TABLES["data_quality"], frame).collect()


def ledger(lines: Iterable[LedgerLine], provenance: Provenance) -> pl.DataFrame:
    """What became of the rows, stage by stage."""
    frame = ledger_lines.to_frame(lines).with_columns(run_id=pl.lit(provenance.run_id))
    return conform(TABLES["ledger"], frame.lazy()).collect()


def drift(measured: pl.LazyFrame, provenance: Provenance) -> pl.DataFrame:
    """How far each feature and the score are from the training, the gravest first."""
    frame = measured.with_columns(**_stamp(provenance))
    return conform(TABLES["drift"], frame).collect()


def changes(compared: pl.DataFrame, provenance: Provenance) -> pl.DataFrame:
    """Why the alerts are others than the night before, in parts that add up."""
    frame = compared.lazy().with_columns(**_stamp(provenance))
    return conform(TABLES["changes"], frame).collect()


def realised(measured: Mapping[str, Any], provenance: Provenance) -> pl.DataFrame:
    """What a night turned out to be worth, as far as its labels are known."""
    schema = {column.name: column.dtype for column in TABLES["realised"].columns[:-2]}
    frame = pl.LazyFrame([measured], schema=schema).with_columns(**_stamp(provenance))
    return conform(TABLES["realised"], frame).collect()


def preparation(treated: Iterable[Treated], provenance: Provenance) -> pl.DataFrame:
    """What was done to which columns, and to how many rows."""
    rows = [
        {
            "step": step_of(each.treatment),
            "column": each.treatment.column,
            "method": treatments.method(each.treatment),
            "learned": treatments.learned(each.treatment),
            "rows": each.rows,
            "touched": each.touched,
            "share": each.touched / each.rows if each.rows else None,
        }
        for each in treated
    ]
    schema = {column.name: column.dtype for column in TABLES["preparation"].columns[:7]}
    frame = pl.LazyFrame(rows, schema=schema).with_columns(**_stamp(provenance))
    return conform(TABLES["preparation"], frame).collect()


def features_selected(selection: Selection, provenance: Provenance) -> pl.DataFrame:
    """The candidates with their verdicts, strongest first."""
    columns = (field.name for field in dataclasses.fields(Verdict))
    frame = pl.LazyFrame(
        {name: [getattr(verdict, name) for verdict in selection.verdicts] for name in columns}
    ).with_columns(method=pl.lit(selection.method), **_stamp(provenance))
    return conform(TABLES["features_selected"], frame).collect()


def model_metrics(
    metrics: Iterable[Metric], curves: Iterable[Curve], provenance: Provenance
) -> pl.DataFrame:
    """Measures, one row each, and curves, one row each with its points as lists."""
    measured = [
        (
            each.model,
            each.split,
            each.metric,
            each.value,
            each.low,
            each.high,
            each.rows,
            None,
            None,
        )
        for each in metrics
    ]
    drawn = [
        (each.model, each.split, each.kind, None, None, None, None, list(each.x), list(each.y))
        for each in curves
    ]
    schema = {column.name: column.dtype for column in TABLES["model_metrics"].columns[:9]}
    frame = pl.DataFrame([*measured, *drawn], schema=schema, orient="row").lazy()
    return conform(TABLES["model_metrics"], frame.with_columns(**_stamp(provenance))).collect()


def trials(tried: Sequence[Trial], provenance: Provenance) -> pl.DataFrame:
    """The configurations that a tuning tried, by number."""
    columns = (field.name for field in dataclasses.fields(Trial))
    schema = {column.name: column.dtype for column in TABLES["trials"].columns}
    frame = pl.LazyFrame(
        {
            name: pl.Series([getattr(trial, name) for trial in tried], dtype=schema[name])
            for name in columns
        }
    ).with_columns(**_stamp(provenance))
    return conform(TABLES["trials"], frame).collect()


def runs(record: RunRecord, bytes_written: int) -> pl.DataFrame:
    """One row: the run, its times and its costs."""
    row = {
        "run_id": record.provenance.run_id,
        "pipeline": record.provenance.pipeline,
        "kind": record.kind,
        "status": record.status,
        "reason": record.reason or None,
        "warnings": list(record.warnings),
        "started_at": record.started_at,
        "ended_at": record.ended_at,
        "wall_seconds": (record.ended_at - record.started_at).total_seconds(),
        "bytes_written": bytes_written,
        **_costs(record),
        "rows_in": record.rows_in,
        "rows_quarantined": record.rows_quarantined,
        "rows_scored": record.rows_scored,
        "alerts": record.alerts,
        "score_source": record.score_source or None,
        "as_of": record.as_of,
        "model_version": record.provenance.model_version or None,
        "versions": [
            {"package": package, "version": version}
            for package, version in sorted(record.provenance.versions.items())
        ],
    }
    schema = {column.name: column.dtype for column in TABLES["runs"].columns}
    return conform(TABLES["runs"], pl.LazyFrame([row], schema=schema)).collect()


def _costs(record: RunRecord) -> dict[str, Any]:
    """What the stages cost together and one by one."""
    stages = record.stages
    cpu_seconds = sum(stage.cpu_seconds for stage in stages)
    read = [stage.bytes_read for stage in stages if stage.bytes_read is not None]
    return {
        "cpu_seconds": cpu_seconds,
        "peak_memory_bytes": max((stage.peak_memory_bytes for stage in stages), default=0),
        "bytes_read": sum(read) if read else None,
        "stages": [dataclasses.asdict(stage) for stage in stages],
        "energy_wh": cpu_seconds * record.watts_per_core / 3600,
        "watts_per_core": record.watts_per_core,
    }


def _alert_id(provenance: Provenance, event_id: str) -> str:
    """Named by what it is about, not by the model: a retrained night keeps its alerts' names."""
    named = f"{provenance.pipeline}\0{provenance.batch_date}\0{event_id}"
    return digest_bytes(named.encode())[:_ALERT_ID_DIGITS]


def _stamp(provenance: Provenance) -> dict[str, pl.Expr]:
    return {
        "model_version": pl.lit(provenance.model_version),
        "run_id": pl.lit(provenance.run_id),
    }


def _by_row(column: pl.Series, tell: Callable[[Any], str | None]) -> pl.Series:
    return pl.Series([tell(value) for value in column.to_list()], dtype=pl.String)
