"""Aggregates over a second event table, strictly before the event."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import polars as pl

from tasks.core.errors import ConfigError
from tasks.features.history import named
from tasks.features.statistics import statistics
from tasks.features.table_config import EventsFamily
from tasks.features.timeline import Timeline


def events(family: EventsFamily, timeline: Timeline) -> pl.DataFrame:
    """Counts, times since, distinct values and statistics of the other table's rows.

    Raises:
        ConfigError: the table or one of its columns is not there.
    """
    asking = timeline.asking.select(*family.on, timeline.time)
    rows = _rows(family, timeline, asking)
    beside = replace(timeline, rows=rows, events=asking, label=None, latest={})
    before = beside.past(tuple(family.on), family.where)
    windows = before.windows(family.windows, family.delay, family.last)
    prefix = f"{family.name or family.table}."
    features = statistics(family, beside, before, windows)
    return named(before, ((f"{prefix}{name}", values) for name, values in features))


def _rows(family: EventsFamily, timeline: Timeline, asking: pl.DataFrame) -> pl.DataFrame:
    """The other table with its keys and its time called as the events call them, in order."""
    table = timeline.dimensions.get(family.table)
    names = table.collect_schema().names() if table is not None else []
    absent = [name for name in (*family.on.values(), family.time, *family.key) if name not in names]
    if table is None or absent:
        raise ConfigError(
            f"the columns {', '.join(absent)} of {family.table}",
            found=f"only {', '.join(names) or 'no such table'}",
            where=f"features, events in {family.table}",
            do="Correct the name in the pipeline file.",
        )
    # Only the columns and the time that are needed are read from the store.
    own = [name for name in names if name in _needed(family)]
    ordered = (
        table.select(own)
        .filter(_within(family, asking[timeline.time]))
        .sort(family.time, *(name for name in own if name != family.time), nulls_last=True)
    )
    if family.key:
        # With its time, or which of two counts would depend on how far back rows are read.
        names = [*family.key, family.time]
        ordered = ordered.unique(names, keep="first", maintain_order=True)
    called = {timeline.time: family.time, **family.on}
    rest = [name for name in own if name not in called]
    keys = [
        pl.col(theirs).cast(asking.schema[ours], strict=False).alias(ours)
        for ours, theirs in called.items()
    ]
    return ordered.select(*keys, *rest).collect()


def _needed(family: EventsFamily) -> set[str]:
    """The columns of the other table that the family names."""
    expressions = [*family.values.values(), *([family.where] if family.where else [])]
    roots = {name for text in expressions for name in pl.sql_expr(text).meta.root_names()}
    return {*family.on.values(), family.time, *family.key, *family.distinct, *roots}


def _within(family: EventsFamily, asked: pl.Series) -> pl.Expr:
    """Whether a row can be in the past of any event."""
    at = pl.col(family.time).cast(pl.Datetime("us"))
    first, last = asked.cast(pl.Datetime("us")).min(), asked.cast(pl.Datetime("us")).max()
    if not isinstance(first, dt.datetime) or not isinstance(last, dt.datetime):
        return pl.lit(False)
    return (at >= first - family.lookback) & (at < last)
