"""The stage: read the batch dates, learn or apply, write the prepared table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from tasks.core.artifacts import Divided, LedgerLine, Prepared, PreparedTable, Ref, Valid
from tasks.core.batches import BATCH_DATE, in_order, stack
from tasks.core.commit import Run
from tasks.core.errors import DataError
from tasks.core.event import EVENT_ID, EventConfig
from tasks.core.parquet import ROW_GROUP_ROWS
from tasks.core.quarantine import LINE, SOURCE
from tasks.core.store import batch_date, table_uri
from tasks.core.treatments import Learned, Treated
from tasks.prepare import fit as fitting
from tasks.prepare.apply import apply_counted, touched_columns
from tasks.prepare.config import PrepareConfig
from tasks.prepare.duplicates import repeated
from tasks.task import stage

_REASON = "_repeated"
_PART, _FIT = "part", "fit"


@stage("fit_preparation")
def fit_preparation(
    run: Run,
    config: PrepareConfig,
    event: EventConfig,
    tables: Sequence[Ref[Valid]],
    divided: Divided,
    label: str | None = None,
) -> Learned:
    """Learn the treatments from the rows of training time, and of no other.

    Rows that are no labelled event are learned from as well, unless they came after the fitted
    part; the events of the other parts never are. `label` names the label's column, if it is one:
    no rule by type treats it.
    """
    rows = _ordered(run, config, event, tables)
    kept = rows.filter(pl.col(_REASON).is_null()).drop(_REASON)
    if divided.fitted_before is not None and event.time is not None:
        kept = kept.filter(pl.col(event.time) < divided.fitted_before)
    judged = run.scan(divided.parts).filter(pl.col(_PART) != _FIT).select(EVENT_ID)
    seen = kept.with_columns(event.id()).join(
        judged, on=EVENT_ID, how="anti", maintain_order="left"
    )
    return fitting.fit(seen.drop(EVENT_ID).collect().lazy(), config, event, label)


@stage("prepare")
def prepare(
    run: Run,
    config: PrepareConfig,
    learned: Learned,
    event: EventConfig,
    tables: Sequence[Ref[Valid]],
    dates: tuple[date, date],
) -> PreparedTable:
    """Make one table of the batch dates that features need, tonight and its history.

    Ledger and treatments count the rows whose batch date lies within `dates`, both included; of
    the history before was told before.
    """
    rows = _ordered(run, config, event, tables).collect()
    kept = apply_counted(
        rows.lazy().filter(pl.col(_REASON).is_null()).drop(_REASON), learned, event
    )
    counted = pl.col(BATCH_DATE).is_between(*dates)
    flags = touched_columns(learned)
    totals = [0] * (1 + len(flags))
    uri = table_uri("prepared", run.pipeline, event.table, run.batch)
    with run.open_table(Prepared, kept.drop(flags).collect_schema(), uri) as table:
        for batch in kept.collect_batches(chunk_size=ROW_GROUP_ROWS, maintain_order=True):
            found = batch.filter(counted).select(pl.len(), pl.col(flags).sum()).row(0)
            totals = [total + new for total, new in zip(totals, found, strict=True)]
            table.add(batch.drop(flags))
    assert table.ref is not None
    treated = tuple(
        Treated(treatment, totals[0], touched)
        for treatment, touched in zip(learned.record.treatments, totals[1:], strict=True)
    )
    line = _ledger_line(rows.filter(counted), event.table)
    return PreparedTable(table.ref, (line,), treated)


def _ordered(
    run: Run, config: PrepareConfig, event: EventConfig, tables: Sequence[Ref[Valid]]
) -> pl.LazyFrame:
    if not tables:
        raise DataError(
            f"at least one batch date of table {event.table}",
            found="none",
            where=f"pipeline {run.pipeline}, batch {run.batch}",
            do="Run the nights of these dates first.",
        )
    parts = [
        run.scan(ref)
        .drop([column for column in (SOURCE, LINE) if column not in event.key])
        .with_columns(pl.lit(batch_date(ref)).alias(BATCH_DATE))
        for ref in sorted(tables, key=lambda ref: ref.uri)
    ]
    rows = in_order(stack(parts), event)
    return rows.with_columns(repeated(rows, event, config.duplicates).alias(_REASON))


def _ledger_line(rows: pl.DataFrame, table: str) -> LedgerLine:
    reasons = rows[_REASON].drop_nulls().value_counts(sort=True)
    rejected = dict(sorted(reasons.iter_rows()))
    kept = rows.height - sum(rejected.values())
    return LedgerLine("prepare", table, rows.height, kept, rejected=rejected)
