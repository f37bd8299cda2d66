"""The stage: read the batch dates, learn or apply, write the prepared table."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tasks.core.artifacts import LedgerLine, Preparation, Prepared, PreparedTable, Ref, Valid
from tasks.core.batches import stack
from tasks.core.commit import Run
from tasks.core.errors import DataError
from tasks.core.event import EventConfig
from tasks.core.quarantine import LINE, SOURCE
from tasks.core.store import batch_date, table_uri
from tasks.prepare import fit as fitting
from tasks.prepare.apply import apply
from tasks.prepare.config import PrepareConfig
from tasks.prepare.duplicates import BATCH_DATE, in_order, repeated
from tasks.task import stage

_REASON = "_repeated"


@stage("fit_preparation")
def fit_preparation(
    run: Run, config: PrepareConfig, event: EventConfig, tables: Sequence[Ref[Valid]]
) -> Preparation:
    """Learn the treatments from the rows of training time, and of no other."""
    rows = _ordered(run, config, event, tables)
    kept = rows.filter(pl.col(_REASON).is_null()).drop(_REASON)
    return fitting.fit(kept, config, event)


@stage("prepare")
def prepare(
    run: Run,
    config: PrepareConfig,
    preparation: Preparation,
    event: EventConfig,
    tables: Sequence[Ref[Valid]],
) -> PreparedTable:
    """Make one table of the batch dates that features need, tonight and its history.

    The ledger counts the run's own batch date; of a run that is not of one date, all of them.
    """
    rows = _ordered(run, config, event, tables).collect()
    kept = apply(rows.lazy().filter(pl.col(_REASON).is_null()).drop(_REASON), preparation)
    uri = table_uri("prepared", run.pipeline, event.table, run.batch)
    table = run.write_table(Prepared, kept, uri)
    return PreparedTable(table, (_ledger_line(_counted(rows, run, tables), event.table),))


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


def _counted(rows: pl.DataFrame, run: Run, tables: Sequence[Ref[Valid]]) -> pl.DataFrame:
    """The rows the ledger tells of: the run's own date, of which history was told before."""
    if run.batch in {str(batch_date(ref)) for ref in tables}:
        return rows.filter(pl.col(BATCH_DATE).cast(pl.String) == run.batch)
    return rows


def _ledger_line(rows: pl.DataFrame, table: str) -> LedgerLine:
    reasons = rows[_REASON].drop_nulls().value_counts(sort=True)
    rejected = dict(sorted(reasons.iter_rows()))
    kept = rows.height - sum(rejected.values())
    return LedgerLine("prepare", table, rows.height, kept, rejected=rejected)
