"""The nights before: what the features of a date look back on, beside the date itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flows.landing import Window, window
from flows.pipeline import Pipeline
from tasks.core.artifacts import Labels, Prepared, Ref, Valid
from tasks.core.config import whole_days
from tasks.core.run import Run
from tasks.features.inputs import Inputs
from tasks.labels.task import label_events


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


def past_labels(
    run: Run, pipeline: Pipeline, events: Sequence[Ref[Valid]], known_by: dt.date
) -> Ref[Labels] | None:
    """The labels known by the end of a date, where a family takes them."""
    config = pipeline.config
    if not config.features.reads_labels:
        return None
    return label_events(run, config.label, config.event, events, known_by)
