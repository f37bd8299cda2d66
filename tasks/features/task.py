"""The stage: read the prepared table, build the features of its events, write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise

import polars as pl

from tasks.core.artifacts import Built, Divided, Features, LedgerLine
from tasks.core.batches import BATCH_DATE, order, stack
from tasks.core.event import EVENT_ID, EventConfig
from tasks.core.run import Run
from tasks.core.store import table_uri
from tasks.core.treatments import FeatureState
from tasks.features.build import build_on, build_plain, identity
from tasks.features.config import FeaturesConfig
from tasks.features.inputs import Inputs
from tasks.features.learned import learn
from tasks.features.needed import needed
from tasks.features.timeline import Timeline
from tasks.task import stage

_EVENT, _LABEL = "_event", "label"


@stage("features")
def build_features(
    run: Run,
    config: FeaturesConfig,
    event: EventConfig,
    inputs: Inputs,
    dates: tuple[date, date],
    states: Sequence[FeatureState] = (),
) -> Built:
    """Build the features of the events whose batch dates lie within two dates, both included."""
    timeline = _timeline(run, config, event, inputs, dates)
    return _write(run, timeline, build_on(config, timeline, states), dates)


@stage("learn_features")
def learn_features(
    run: Run,
    config: FeaturesConfig,
    event: EventConfig,
    inputs: Inputs,
    dates: tuple[date, date],
    divided: Divided,
) -> tuple[FeatureState, ...]:
    """Learn, for the families that do, from the events the model is fitted on, and no others."""
    fitted = run.scan(divided.parts).filter(part="fit").select(EVENT_ID).collect()[EVENT_ID]
    timeline = _timeline(run, config, event, inputs, dates)
    is_fitted = timeline.rows.select(event.id()).to_series().is_in(fitted.implode())
    seen = replace(timeline, wanted=timeline.wanted & is_fitted)
    return learn(config, seen, build_plain(config, seen))


def _write(run: Run, timeline: Timeline, features: pl.DataFrame, dates: tuple[date, date]) -> Built:
    event = timeline.event
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


def _timeline(
    run: Run,
    config: FeaturesConfig,
    event: EventConfig,
    inputs: Inputs,
    dates: tuple[date, date],
) -> Timeline:
    rows = _rows(run, config, event, inputs)
    within = rows[BATCH_DATE].is_between(*dates)
    wanted = within & rows.with_columns(event.is_event().alias(_EVENT))[_EVENT]
    others = {
        name: stack([run.scan(ref) for ref in refs]) for name, refs in sorted(inputs.others.items())
    }
    return Timeline(rows, event, wanted, others, _label(run, inputs, rows, event), inputs.folder)


def _rows(run: Run, config: FeaturesConfig, event: EventConfig, inputs: Inputs) -> pl.DataFrame:
    """The prepared rows in order, in the columns that are needed."""
    parts = [run.scan(ref) for ref in inputs.prepared]
    names = needed(config, event, parts[-1].collect_schema().names())
    frames = [part.select(names).collect() for part in parts]
    rows = pl.concat(frames)
    if _follow_each_other(frames, event.time):
        return rows
    return rows.sort(order(event), nulls_last=True)


def _follow_each_other(frames: Sequence[pl.DataFrame], time: str | None) -> bool:
    """Whether tables that are in order are so as they stand, one after the other."""
    some = [frame[time] for frame in frames if frame.height] if time else []
    if time is None or any(times.null_count() for times in some):
        return len(frames) == 1
    return all(before[-1] < after[0] for before, after in pairwise(some))


def _label(run: Run, inputs: Inputs, rows: pl.DataFrame, event: EventConfig) -> pl.Series | None:
    """The label of each row; a row that is no event has none."""
    if inputs.labels is None:
        return None
    labels = run.scan(inputs.labels).select(EVENT_ID, _LABEL).collect()
    ids = rows.select(event.id())
    return ids.join(labels, on=EVENT_ID, how="left", maintain_order="left")[_LABEL]
