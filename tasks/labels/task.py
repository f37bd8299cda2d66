"""The stage: read the batch dates, label their events, write the labels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

import polars as pl

from tasks.core.artifacts import Labels, Ref, Valid
from tasks.core.batches import BATCH_DATE, stack
from tasks.core.errors import DataError
from tasks.core.event import EventConfig
from tasks.core.run import Run
from tasks.core.store import batch_date, table_uri
from tasks.labels.config import LabelConfig
from tasks.labels.label import label
from tasks.task import stage


@stage("labels")
def label_events(
    run: Run,
    config: LabelConfig,
    event: EventConfig,
    tables: Sequence[Ref[Valid]],
    known_by: date,
    also: Sequence[str] = (),
    verdicts: Sequence[Ref[Valid]] = (),
    gaps: Collection[date] = (),
) -> Ref[Labels]:
    """Label the events of the tables with what was known by the end of a day.

    `also` names columns of the events that are taken along; `verdicts` is what reviewers said,
    where labels are that; `gaps` are dates whose table should be there and is not.
    """
    if not tables:
        raise DataError(
            f"at least one batch date of table {event.table}",
            found="none",
            where=f"pipeline {run.pipeline}, batch {run.batch}",
            do="Run the nights of these dates first.",
        )
    said = [ref for ref in verdicts if batch_date(ref) <= known_by]
    frame = label(
        _stacked(run, tables),
        config,
        event,
        known_by,
        also,
        _stacked(run, said) if said else None,
        gaps,
    )
    return run.write_table(Labels, frame, table_uri("labels", run.pipeline, event.table, run.batch))


def _stacked(run: Run, tables: Sequence[Ref[Valid]]) -> pl.LazyFrame:
    """The rows of several dates, each with its `batch_date`."""
    return stack(
        [
            run.scan(ref).with_columns(pl.lit(batch_date(ref)).alias(BATCH_DATE))
            for ref in sorted(tables, key=lambda ref: ref.uri)
        ]
    )
