"""The nights before: what the features of a date look back on, beside the date itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from flows.pipeline import Pipeline
from flows.preparing import Reached
from flows.windows import Window, window
from tasks.core.artifacts import Labels, Ref, Valid
from tasks.core.config import whole_days
from tasks.core.run import Run
from tasks.features.inputs import Inputs
from tasks.labels.config import Disposition
from tasks.labels.task import label_events


@dataclass(frozen=True, slots=True)
class History:
    """The event table, and the second event tables, over the dates that features need.

    Args:
        events: the event table.
        others: the other tables, by name.
        verdicts: what reviewers said, where labels are that.
    """

    events: Window
    others: Mapping[str, Window]
    verdicts: Window | None = None

    @property
    def gaps(self) -> tuple[str, ...]:
        """Open dates whose data are missing or unfit, with the reason."""
        others = (line for name, past in self._beside.items() for line in past.told(name))
        return (*self.events.told(), *others)

    @property
    def inputs(self) -> dict[str, str]:
        """SHA-256 of each table, by URI."""
        windows = (self.events, *self._beside.values())
        return {ref.uri: ref.sha256 for past in windows for ref in past.tables.values()}

    @property
    def _beside(self) -> dict[str, Window]:
        return {**self.others, **({"verdicts": self.verdicts} if self.verdicts else {})}


def history(pipeline: Pipeline, first: dt.date, last: dt.date) -> History:
    """What events from first on look back on, up to last; what was never landed is landed now."""
    features = pipeline.config.features
    others = {
        name: window(pipeline, first - whole_days(span), last, name)
        for name, span in features.histories.items()
    }
    own = window(pipeline, first - pipeline.config.lookback, last)
    back = pipeline.config.lookback if features.reads_labels else dt.timedelta()
    return History(own, others, verdicts(pipeline, first - back, last))


def verdicts(pipeline: Pipeline, first: dt.date, last: dt.date) -> Window | None:
    """What reviewers said from first to last; None where labels come from elsewhere."""
    label = pipeline.config.label
    return window(pipeline, first, last, label.table) if isinstance(label, Disposition) else None


def inputs(
    pipeline: Pipeline,
    reached: Reached,
    past: History,
    tonight: Mapping[str, Ref[Valid]],
    labels: Ref[Labels] | None,
) -> Inputs:
    """What the families read.

    Args:
        pipeline: the pipeline.
        reached: the prepared events and their history.
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
    others = dimensions | nights
    return Inputs(reached.prepared, others, labels, pipeline.folder, reached.tallies)


def past_labels(
    run: Run, pipeline: Pipeline, past: History, tonight: Mapping[str, Ref[Valid]], day: dt.date
) -> Ref[Labels] | None:
    """The labels known by the end of a date, where a family takes them.

    Args:
        run: the run.
        pipeline: the pipeline.
        past: the nights before.
        tonight: the tables of the date.
        day: the date.
    """
    config = pipeline.config
    if not config.features.reads_labels:
        return None
    events = (*past.events.tables.values(), tonight[config.event.table])
    said: tuple[Ref[Valid], ...] = ()
    if isinstance(config.label, Disposition) and past.verdicts:
        said = (*past.verdicts.tables.values(), tonight[config.label.table])
    gaps = past.events.gaps
    return label_events(run, config.label, config.event, events, day, verdicts=said, gaps=gaps)
