"""The stage: read the prepared table, build the features of its events, write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import chain

import polars as pl

from tasks.core.artifacts import Features, Prepared, Ref
from tasks.core.event import EVENT_ID, EventConfig
from tasks.core.executor import IN_TURN, Executor
from tasks.core.keys import digest
from tasks.core.results import Built, Divided, LedgerLine
from tasks.core.run import Run
from tasks.core.store import table_uri
from tasks.core.treatments import FeatureState
from tasks.features.build import identity, with_learned
from tasks.features.config import FeaturesConfig
from tasks.features.cover import Covered, cover, lacking
from tasks.features.inputs import Inputs
from tasks.features.learned import learn
from tasks.features.needed import needed
from tasks.features.partitions import plain_features
from tasks.features.reading import Source
from tasks.features.shelf import Shelf
from tasks.features.stretches import Edges, Instants, Stretch
from tasks.features.tally import Tally, all_tallies, edges, tallies
from tasks.features.timeline import Timeline
from tasks.task import stage


def untallied(
    run: Run, config: FeaturesConfig, event: EventConfig, called: Mapping[date, str]
) -> list[date]:
    """The dates before a night that no tally is found of; see `tally_dates`."""
    shelf = Shelf(run, event.table, called)
    return sorted({day for tally in all_tallies(config.tallying) for day in lacking(shelf, tally)})


@stage("tally_dates")
def tally_dates(
    run: Run,
    config: FeaturesConfig,
    event: EventConfig,
    called: Mapping[date, str],
    prepared: Mapping[date, Ref[Prepared]],
) -> None:
    """Tally the rows of earlier dates, each by itself, and keep what they come to.

    Args:
        run: the run that needs them.
        config: the families.
        event: what an event is.
        called: the names of the prepared rows of all dates before the night.
        prepared: those of the dates to be tallied.
    """
    shelf, wanted = Shelf(run, event.table, called), all_tallies(config.tallying)
    for day, ref in prepared.items():
        table, stretch = run.scan(ref), Stretch(day, 1)
        names = needed(config, event, table.collect_schema().names())
        rows = table.select(names).collect()
        made = [(tally, stretch, tally.of(rows, event.time or "")) for tally in wanted]
        shelf.keep(made)


@stage("cover_history")
def cover_history(
    run: Run,
    config: FeaturesConfig,
    event: EventConfig,
    called: Mapping[date, str],
    asked: Instants,
) -> dict[str, dict[Tally, Covered]]:
    """Find the tallies that stand for the dates before the events of a night, by family.

    Args:
        run: the run that needs them.
        config: the families.
        event: what an event is.
        called: the names of the prepared rows of all dates before the night.
        asked: first and last time of the events.
    """
    shelf = Shelf(run, event.table, called)
    return {
        digest(family): {
            tally: cover(shelf, tally, Edges(asked, edges(family))) for tally in tallies(family)
        }
        for family in config.tallying
    }


@stage("features")
def build_features(
    run: Run,
    config: FeaturesConfig,
    event: EventConfig,
    inputs: Inputs,
    dates: tuple[date, date],
    states: Sequence[FeatureState] = (),
    executor: Executor = IN_TURN,
    name: str = "part-0",
) -> Built:
    """Build the features of the events whose batch dates lie within two dates, both included.

    `name` is what to call the file.
    """
    source = Source(run, config, event, inputs, dates)
    pieces = (_whole(source, *each, states) for each in plain_features(source, executor))
    first = next(pieces)
    uri = table_uri("features", run.pipeline, event.table, run.batch, f"{name}.parquet")
    with run.open_table(Features, first.schema, uri) as table:
        for piece in chain([first], pieces):
            table.add(piece)
    assert table.ref is not None
    within, made = source.rows_within(), table.ref.rows
    ledger = LedgerLine(
        "features",
        event.table,
        rows_in=within,
        rows_out=made,
        rejected={"not an event": within - made},
    )
    names = first.columns[len(identity(event)) :]
    return Built(table.ref, tuple(names), (ledger,))


@stage("learn_features")
def learn_features(
    run: Run,
    config: FeaturesConfig,
    event: EventConfig,
    inputs: Inputs,
    dates: tuple[date, date],
    divided: Divided,
    executor: Executor = IN_TURN,
) -> tuple[FeatureState, ...]:
    """Learn, for the families that do, from the events the model is fitted on, and no others."""
    fitted = run.scan(divided.parts).filter(part="fit").select(EVENT_ID).collect()[EVENT_ID]
    source = Source(run, config, event, inputs, dates)
    is_fitted = event.id().is_in(fitted.implode())
    plain = [
        features.filter(events.select(is_fitted).to_series())
        for events, features in plain_features(source, executor)
    ]
    timeline = source.timeline(looks_back=False)
    wanted = timeline.wanted & timeline.rows.select(is_fitted).to_series()
    return learn(config, replace(timeline, wanted=wanted), pl.concat(plain))


def _whole(
    source: Source, events: pl.DataFrame, plain: pl.DataFrame, states: Sequence[FeatureState]
) -> pl.DataFrame:
    """A piece of the table: what names its events, and all their features."""
    every = pl.repeat(True, events.height, dtype=pl.Boolean, eager=True)
    timeline = Timeline(events, source.event, every, {})
    features = with_learned(source.config, timeline, plain, states)
    return pl.concat([events.select(identity(source.event)), features], how="horizontal")
