"""Which nights a service owes: they fell due since it has the schedule, and are not there."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable
from zoneinfo import ZoneInfo

from cronsim import CronSim

from flows import clock
from flows.pipeline import Pipeline
from flows.service.places import Places, of_files
from tasks.core.commit import last_commit
from tasks.core.files import write_over

PATIENCE = dt.timedelta(hours=1)  # from when a night was due, and between two attempts
ATTEMPTS = 3
_LONGEST = dt.timedelta(days=31)


def missing_nights(pipeline: Pipeline, now: dt.datetime) -> dict[dt.date, dt.timedelta]:
    """The dates without a night, of the last 31 days, and for how long each has been overdue.

    None are where no service has the pipeline's schedule, for an hour after they were due, and
    where their night has been there and has aged.
    """
    since = _since(of_files(pipeline.folder)).get(pipeline.name)
    if since is None:
        return {}
    due = due_nights(pipeline, max(dt.datetime.fromisoformat(since), now - _LONGEST), now)
    kept_from = _kept_from(pipeline, due)
    return {
        day: now - moment
        for day, moment in due.items()
        if now - moment >= PATIENCE and day >= kept_from and not _was_there(pipeline, day)
    }


def due_nights(
    pipeline: Pipeline, since: dt.datetime, now: dt.datetime
) -> dict[dt.date, dt.datetime]:
    """The open dates whose night fell due after one moment and up to another, and when it did."""
    config = pipeline.config
    due: dict[dt.date, dt.datetime] = {}
    for moment in CronSim(config.schedule, since.astimezone(ZoneInfo(config.timezone))):
        if moment > now:
            break
        due.setdefault(clock.night_before(moment, config.timezone), moment)
    return {day: moment for day, moment in due.items() if config.calendar.is_open(day)}


def note_scheduled(places: Places, pipelines: Iterable[str], now: dt.datetime) -> None:
    """Write down since when each pipeline has its schedule; of those that are gone nothing."""
    known = _since(places)
    noted = {name: known.get(name, now.isoformat()) for name in pipelines}
    if noted != known:
        write_over(places.schedules, json.dumps(noted).encode())


def _since(places: Places) -> dict[str, str]:
    try:
        return dict(json.loads(places.schedules.read_text()))
    except FileNotFoundError:
        return {}


def _kept_from(pipeline: Pipeline, due: Collection[dt.date]) -> dt.date:
    """The first date that a night run now would not take away at once."""
    retention, delay = pipeline.config.retention, pipeline.config.label.delay
    if retention is None or not due:
        return dt.date.min
    return max(due) - max(retention.keep, delay) + dt.timedelta(days=1)


def _was_there(pipeline: Pipeline, day: dt.date) -> bool:
    """Whether a date has its night, or had it before it was taken away."""
    record = last_commit(pipeline.store, pipeline.name, str(day))
    return record is not None and "night" in (record.facts.get("kind"), record.facts.get("was"))
