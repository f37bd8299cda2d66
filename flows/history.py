"""The nights before: what the features of a date look back on, beside the date itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from flows.landing import Window, window
from flows.pipeline import Pipeline
from tasks.core.artifacts import Labels, Prepared, Ref, Valid
from tasks.core.commit import Run, last_commit
from tasks.core.config import whole_days
from tasks.core.errors import IntegrityError
from tasks.core.store import table_uri
from tasks.core.treatments import Learned
from tasks.features.inputs import Inputs
from tasks.labels.task import label_events
from tasks.prepare.places import names
from tasks.prepare.task import history_unit, prepare_history


@dataclass(frozen=True, slots=True)
class History:
    """The event table, and the second event tables, over the dates that features need.

    Args:
        events: the event table.
        others: the other tables, by name.
    """

    events: Window
    others: Mapping[str, Window]

    @property
    def gaps(self) -> tuple[str, ...]:
        """Open dates whose data are missing or unfit, with the reason."""
        own = (f"{day}: {reason}" for day, reason in self.events.gaps.items())
        others = (
            f"{day} of {name}: {reason}"
            for name, past in self.others.items()
            for day, reason in past.gaps.items()
        )
        return (*own, *others)

    @property
    def inputs(self) -> dict[str, str]:
        """SHA-256 of each table, by URI."""
        windows = (self.events, *self.others.values())
        return {ref.uri: ref.sha256 for past in windows for ref in past.tables.values()}


def history(pipeline: Pipeline, first: dt.date, last: dt.date) -> History:
    """What events from first on look back on, up to last; what was never landed is landed now."""
    features = pipeline.config.features
    others = {
        name: window(pipeline, first - whole_days(span), last, name)
        for name, span in features.histories.items()
    }
    return History(window(pipeline, first - pipeline.config.lookback, last), others)


def inputs(
    pipeline: Pipeline,
    prepared: tuple[Ref[Prepared], ...],
    past: History,
    tonight: Mapping[str, Ref[Valid]],
    labels: Ref[Labels] | None,
) -> Inputs:
    """What the families read.

    Args:
        pipeline: the pipeline.
        prepared: the prepared events and their history, the newest last.
        past: the nights before; in a training all nights.
        tonight: the tables of the date, the dimensions among them.
        labels: the labels of past events, where a family takes them.
    """
    features = pipeline.config.features
    dimensions = {name: (tonight[name],) for name in features.tables}
    nights = {
        name: (*before.tables.values(), *([tonight[name]] if name in tonight else []))
        for name, before in past.others.items()
    }
    return Inputs(prepared, dimensions | nights, labels, pipeline.folder)


def prepared_names(
    run: Run, pipeline: Pipeline, learned: Learned, events: Mapping[dt.date, Ref[Valid]]
) -> dict[dt.date, str]:
    """What the prepared rows of tonight, the last of the dates, and of those before are called."""
    config, tonight = pipeline.config, max(events)
    days = (d for d in events if tonight - whole_days(config.features.lookback) <= d)
    schema = run.scan(events[tonight]).collect_schema()
    return names(config.preparation, learned, config.event, schema, events, days)


def prepared_before(
    run: Run,
    pipeline: Pipeline,
    learned: Learned,
    events: Mapping[dt.date, Ref[Valid]],
    called: Mapping[dt.date, str],
) -> tuple[Ref[Prepared], ...]:
    """The prepared rows of the dates that tonight's features look back on.

    What an earlier night prepared of the same rows in the same way is taken as it is; the rest is
    prepared now, and kept for the nights to come.

    Args:
        run: tonight's.
        pipeline: the pipeline.
        learned: the treatments.
        events: the valid rows by date, tonight's last.
        called: what the prepared rows of each date are called.
    """
    config, (*before, _) = pipeline.config, events
    tonight = max(events)
    first = tonight - whole_days(config.features.lookback)
    days = [day for day in before if first <= day]
    found = {day: _kept(pipeline, day, called[day]) for day in days}
    lacking = {day: _place(pipeline, day, called[day]) for day in days if found[day] is None}
    if lacking:
        made = prepare_history(
            run, config.preparation, learned, config.event, tuple(events.values()), lacking
        )
        found |= made
    return tuple(ref for ref in found.values() if ref is not None)


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


def past_labels(
    run: Run, pipeline: Pipeline, events: Sequence[Ref[Valid]], known_by: dt.date
) -> Ref[Labels] | None:
    """The labels known by the end of a date, where a family takes them."""
    config = pipeline.config
    if not config.features.reads_labels:
        return None
    return label_events(run, config.label, config.event, events, known_by)
