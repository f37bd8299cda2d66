"""The stage: read the prepared table, build the features of its events, write them."""

from __future__ import annotations

from datetime import date

import polars as pl

from tasks.core.artifacts import Built, Features, LedgerLine
from tasks.core.batches import stack
from tasks.core.commit import Run
from tasks.core.event import EVENT_ID, EventConfig
from tasks.core.store import table_uri
from tasks.features.build import build_on, identity
from tasks.features.config import FeaturesConfig
from tasks.features.inputs import Inputs
from tasks.features.timeline import Timeline
from tasks.task import stage

BATCH_DATE, _EVENT, _LABEL = "batch_date", "_event", "label"


@stage("features")
def build_features(
    run: Run, config: FeaturesConfig, event: EventConfig, inputs: Inputs, dates: tuple[date, date]
) -> Built:
    """Build the features of the events whose batch dates lie within two dates, both included."""
    timeline = _timeline(run, event, inputs, dates)
    features = build_on(config, timeline)
    events = timeline.asking.select(identity(event))
    table = run.write_table(
        Features,
        pl.concat([events, features], how="horizontal"),
        table_uri("features", run.pipeline, event.table, run.batch),
    )
    within = int(timeline.rows[BATCH_DATE].is_between(*dates).sum())
    ledger = LedgerLine(
        "features",
        event.table,
        rows_in=within,
        rows_out=features.height,
        rejected={"not an event": within - features.height},
    )
    return Built(table, tuple(features.columns), (ledger,))


def _timeline(run: Run, event: EventConfig, inputs: Inputs, dates: tuple[date, date]) -> Timeline:
    rows = run.scan(inputs.prepared).collect()
    within = rows[BATCH_DATE].is_between(*dates)
    wanted = within & rows.with_columns(event.is_event().alias(_EVENT))[_EVENT]
    others = {
        name: stack([run.scan(ref) for ref in refs]) for name, refs in sorted(inputs.others.items())
    }
    return Timeline(rows, event, wanted, others, _label(run, inputs, rows, event), inputs.folder)


def _label(run: Run, inputs: Inputs, rows: pl.DataFrame, event: EventConfig) -> pl.Series | None:
    """The label of each row; a row that is no event has none."""
    if inputs.labels is None:
        return None
    labels = run.scan(inputs.labels).select(EVENT_ID, _LABEL).collect()
    ids = rows.select(event.id())
    return ids.join(labels, on=EVENT_ID, how="left", maintain_order="left")[_LABEL]
