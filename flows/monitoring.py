"""Monitoring: what past nights turned out to be worth, once their labels are known."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from prefect import flow

from flows import clock
from flows.flow_runs import due_date, run_name
from flows.landing import window
from flows.pipeline import Pipeline, load
from flows.promotion import by_labels, promote_better
from tasks.core.artifacts import Ref, Scores
from tasks.core.commit import committed_batches, open_run
from tasks.core.errors import ConfigError, DataError
from tasks.core.store import table_uri
from tasks.labels.config import NoLabel
from tasks.labels.task import label_events
from tasks.monitor.realised import Realised
from tasks.monitor.task import realise

_UNIT = "realised"


@flow(name="monitor", flow_run_name=run_name)
def monitor(pipeline: str, date: dt.date | None = None) -> Realised:
    """Measure the published scores against the labels known by the end of a date.

    Args:
        pipeline: name or file of the pipeline.
        date: the date; empty means the day before the run was due.

    Raises:
        ConfigError: the pipeline has no label.
        DataError: no night was scored.
    """
    loaded = load(pipeline)
    loaded.check_secrets()
    if isinstance(loaded.config.label, NoLabel):
        raise ConfigError(
            "a label, to measure scores against",
            found="label.kind none",
            where=f"pipeline {loaded.name}",
            do="Name the column or the later rows that tell labels, once there are some.",
        )
    known_by = date or due_date(loaded.config.timezone)
    nights = _scored_nights(loaded, known_by)
    if not nights:
        raise DataError(
            "a scored night",
            found=f"none up to {known_by}",
            where=f"commits/{loaded.name}",
            do=f"Run a night first: lamplighter run {loaded.name} --date D",
        )
    # What happens after the last label's delay says nothing of it, and may not be there at all.
    last = min(known_by, max(nights) + loaded.config.label.delay)
    events = window(loaded, min(nights), last)
    with open_run(loaded.store, loaded.name, _UNIT, clock.attempt_name()) as run:
        labels = label_events(
            run,
            loaded.config.label,
            loaded.config.event,
            events.between(min(nights), last),
            known_by,
        )
        scored = list(nights.values())
        found = by_labels(run, loaded, scored, labels)
        told = realise(run, scored, [labels])
    return replace(told, challenger=promote_better(loaded, found))


def _scored_nights(pipeline: Pipeline, last: dt.date) -> dict[dt.date, Ref[Scores]]:
    found = {}
    for record in committed_batches(pipeline.store, pipeline.name):
        uri = table_uri("scores", pipeline.name, "scores", record.batch)
        scores = record.find(Scores, uri)
        if scores is not None and (day := dt.date.fromisoformat(record.batch)) <= last:
            found[day] = scores
    return found
