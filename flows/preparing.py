"""The prepared rows of a night or a training, and those of the dates that it looks back on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import polars as pl

from flows.pipeline import Pipeline
from tasks.core.artifacts import Prepared, Ref, Valid
from tasks.core.commit import last_commit
from tasks.core.config import whole_days
from tasks.core.errors import IntegrityError
from tasks.core.results import PreparedTable
from tasks.core.run import Run
from tasks.core.store import batch_date, table_uri
from tasks.core.treatments import Learned
from tasks.features.cover import Covered
from tasks.features.stretches import Instants
from tasks.features.tally import Tally
from tasks.features.task import cover_history, tally_dates, untallied
from tasks.prepare.places import names
from tasks.prepare.task import history_unit, prepare, prepare_history

Named = Mapping[dt.date, str]
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reached:
    """What features are built from.

    Args:
        prepared: the prepared tables, the newest last.
        tallies: what stands for rows of dates whose tables are not among them.
    """

    prepared: tuple[Ref[Prepared], ...]
    tallies: Mapping[str, Mapping[Tally, Covered]] = field(default_factory=dict)


def prepare_on(
    run: Run,
    pipeline: Pipeline,
    learned: Learned,
    events: Sequence[Ref[Valid]],
    dates: tuple[dt.date, dt.date],
    name: str = "part-0",
) -> tuple[PreparedTable, Reached]:
    """Prepare the rows of some dates, and what features look back on from there.

    One date is prepared by itself; those before it are taken as earlier nights prepared them. More
    of them, as a training has, are one table with their history.

    Args:
        run: the run.
        pipeline: the pipeline.
        learned: the treatments.
        events: the valid rows, one table a date, of all dates that are looked at.
        dates: the first and the last date.
        name: what to call the table of more than one date; that of one is named by what made it.

    Returns:
        The table that holds the dates, and all that features read.
    """
    config, (first, last) = pipeline.config, dates
    if first < last:
        reach = (first - whole_days(config.features.lookback), last)
        made = prepare(run, config.preparation, learned, config.event, events, reach, dates, name)
        return made, Reached((made.table,))
    known = {batch_date(ref): ref for ref in sorted(events, key=batch_date)}
    called = _names(run, pipeline, learned, known)
    made = prepare(run, config.preparation, learned, config.event, events, dates, name=called[last])

    def before(days: Iterable[dt.date]) -> dict[dt.date, Ref[Prepared]]:
        return _before(run, pipeline, learned, known, {day: called[day] for day in sorted(days)})

    past = {day: name for day, name in called.items() if day != last}
    asked = _asked(run, pipeline, made) if config.features.tallying else None
    if asked is None:
        return made, Reached((*before(past).values(), made.table))
    families, event = config.features, config.event
    tally_dates(run, families, event, past, before(untallied(run, families, event, past)))
    tallies = cover_history(run, families, event, past, asked)
    days = {day for one in tallies.values() for covered in one.values() for day in covered.days}
    since = min(asked[0].date(), last) - whole_days(families.lookback_of_rows) - _DAY
    rows = before(day for day in past if day in days or since <= day)
    return made, Reached((*rows.values(), made.table), tallies)


def _asked(run: Run, pipeline: Pipeline, made: PreparedTable) -> Instants | None:
    """First and last time of the events; None where there are none."""
    event = pipeline.config.event
    at = pl.col(event.time or "").cast(pl.Datetime("us"))
    rows = run.scan(made.table).filter(event.is_event())
    first, last = rows.select(at.min().alias("first"), at.max().alias("last")).collect().row(0)
    return None if first is None else (first, last)


def _names(
    run: Run, pipeline: Pipeline, learned: Learned, events: Mapping[dt.date, Ref[Valid]]
) -> Named:
    """What the prepared rows of tonight, the last of the dates, and of those before are called."""
    config, tonight = pipeline.config, max(events)
    days = (day for day in events if tonight - whole_days(config.features.lookback) <= day)
    schema = run.scan(events[tonight]).collect_schema()
    return names(config.preparation, learned, config.event, schema, events, days)


def _before(
    run: Run,
    pipeline: Pipeline,
    learned: Learned,
    events: Mapping[dt.date, Ref[Valid]],
    called: Named,
) -> dict[dt.date, Ref[Prepared]]:
    """The prepared rows of dates before tonight, in their order.

    What an earlier night prepared of the same rows in the same way is taken as it is; the rest is
    prepared now, and kept for the nights to come.
    """
    config = pipeline.config
    found = {day: _kept(pipeline, day, name) for day, name in called.items()}
    lacking = {day: _place(pipeline, day, called[day]) for day in called if found[day] is None}
    if lacking:
        tables = tuple(events.values())
        found |= prepare_history(run, config.preparation, learned, config.event, tables, lacking)
    return {day: ref for day, ref in found.items() if ref is not None}


def _kept(pipeline: Pipeline, day: dt.date, name: str) -> Ref[Prepared] | None:
    """The prepared rows of a date by their name, of its night or of a later one; undamaged."""
    table = pipeline.config.event.table
    places = {
        str(day): table_uri("prepared", pipeline.name, table, str(day), f"{name}.parquet"),
        history_unit(day): _place(pipeline, day, name),
    }
    for unit, uri in places.items():
        record = last_commit(pipeline.store, pipeline.name, unit)
        ref = record.find(Prepared, uri) if record else None
        if ref is not None:
            with suppress(IntegrityError):  # they are prepared again
                pipeline.store.verify(ref)
                return ref
    return None


def _place(pipeline: Pipeline, day: dt.date, name: str) -> str:
    table = pipeline.config.event.table
    return table_uri("history", pipeline.name, table, str(day), f"{name}.parquet")
