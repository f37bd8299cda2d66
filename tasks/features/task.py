"""The stage: read the prepared table, build the features of its events, write them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from tasks.core.artifacts import Built, Features, LedgerLine, Prepared, Ref, Valid
from tasks.core.commit import Run
from tasks.core.event import EventConfig
from tasks.core.store import table_uri
from tasks.features.build import build, identity
from tasks.features.config import FeaturesConfig
from tasks.task import stage

BATCH_DATE, _EVENT = "batch_date", "_event"


@stage("features")
def build_features(
    run: Run,
    config: FeaturesConfig,
    event: EventConfig,
    prepared: Ref[Prepared],
    dimensions: Mapping[str, Ref[Valid]],
    dates: tuple[date, date],
) -> Built:
    """Build the features of the events whose batch dates lie within two dates, both included."""
    rows = run.scan(prepared).collect()
    within = rows[BATCH_DATE].is_between(*dates)
    wanted = within & rows.with_columns(event.is_event().alias(_EVENT))[_EVENT]
    tables = {name: run.scan(ref) for name, ref in sorted(dimensions.items())}
    features = build(config, event, rows, wanted, tables)
    events = rows.filter(wanted).select(identity(event))
    table = run.write_table(
        Features,
        pl.concat([events, features], how="horizontal"),
        table_uri("features", run.pipeline, event.table, run.batch),
    )
    ledger = LedgerLine(
        "features",
        event.table,
        rows_in=int(within.sum()),
        rows_out=features.height,
        rejected={"not an event": int(within.sum()) - features.height},
    )
    return Built(table, tuple(features.columns), (ledger,))
