"""What had arrived when an event was scored.

A night sees the batch dates up to its own. Where later ones are at hand as well, as in a training,
an event must not see a row that came with one of them, though the row's time is before its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from tasks.core.batches import BATCH_DATE, stack
from tasks.features.codes import Ints
from tasks.features.config import FeaturesConfig
from tasks.features.table_config import EventsFamily
from tasks.features.timeline import Timeline

ARRIVED = "_arrived"
Stretch = tuple[Ints, Timeline]
Bounds = dict[dt.date, tuple[dt.datetime, dt.datetime]]


def arrived(parts: Mapping[dt.date, pl.LazyFrame]) -> pl.LazyFrame:
    """The batch dates of another table, the newest last, each row with the date it came with."""
    return stack([part.with_columns(pl.lit(day).alias(ARRIVED)) for day, part in parts.items()])


def as_arrived(config: FeaturesConfig, timeline: Timeline) -> Iterator[Stretch]:
    """The events, by what they may see: most of them everything, the rest date by date.

    Args:
        config: the families, and the tables that they read.
        timeline: the rows of all dates.

    Returns:
        The places of some events among all that ask, and the rows that those see.
    """
    asking = timeline.asking
    if timeline.event.time is None:
        yield np.arange(asking.height), timeline
        return
    asked = _between(asking, timeline.time, BATCH_DATE)
    behind = _overtaken(asked, _earliest(config, timeline))
    if not behind:
        yield np.arange(asking.height), timeline
        return
    plain = ~asking[BATCH_DATE].is_in(behind)
    if plain.any():
        seen = ~timeline.rows[BATCH_DATE].is_in(behind)
        yield plain.arg_true().to_numpy(), replace(timeline, wanted=timeline.wanted & seen)
    for day in behind:
        places = (asking[BATCH_DATE] == day).arg_true().to_numpy()
        yield places, _until(config, timeline, day, asked[day][0] - config.lookback)


def _until(
    config: FeaturesConfig, timeline: Timeline, day: dt.date, since: dt.datetime
) -> Timeline:
    """The events of a date, and what had come by then."""
    at = timeline.rows[timeline.time].cast(pl.Datetime("us"))
    taken = (timeline.rows[BATCH_DATE] <= day) & (at >= since)
    own = timeline.wanted & (timeline.rows[BATCH_DATE] == day)
    others = {
        name: table.filter(pl.col(ARRIVED) <= day)
        if name in config.histories and ARRIVED in table.collect_schema()
        else table
        for name, table in timeline.dimensions.items()
    }
    label = None if timeline.label is None else timeline.label.filter(taken)
    rows, wanted = timeline.rows.filter(taken), own.filter(taken)
    return replace(timeline, rows=rows, wanted=wanted, dimensions=others, label=label, latest={})


def _earliest(config: FeaturesConfig, timeline: Timeline) -> dict[dt.date, dt.datetime]:
    """By batch date the earliest time of any row that came with it, in any table."""
    found = [_between(timeline.rows, timeline.time, BATCH_DATE)]
    for family in (each for each in config.root if isinstance(each, EventsFamily)):
        table = timeline.dimensions.get(family.table)
        if table is not None and {ARRIVED, family.time} <= {*table.collect_schema()}:
            found.append(_between(table, family.time, ARRIVED))
    earliest: dict[dt.date, dt.datetime] = {}
    for bounds in found:
        for day, (first, _) in bounds.items():
            earliest[day] = min(first, earliest.get(day, first))
    return earliest


def _between(rows: pl.DataFrame | pl.LazyFrame, time: str, by: str) -> Bounds:
    """First and last time of the rows of each batch date."""
    at = pl.col(time).cast(pl.Datetime("us"))
    bounds = rows.lazy().group_by(by).agg(at.min().alias("_first"), at.max().alias("_last"))
    known = bounds.collect().drop_nulls()
    return {day: (first, last) for day, first, last in known.select(by, "_first", "_last").rows()}


def _overtaken(asked: Bounds, earliest: Mapping[dt.date, dt.datetime]) -> list[dt.date]:
    """The dates with an event that a row of a later date is not later than."""
    behind = []
    later: dt.datetime | None = None
    for day in sorted({*asked, *earliest}, reverse=True):
        if day in asked and later is not None and later <= asked[day][1]:
            behind.append(day)
        if day in earliest:
            later = earliest[day] if later is None else min(later, earliest[day])
    return sorted(behind)
