"""Arrivals of a pipeline: nights take what is new of a source, dates land from what was taken."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from flows.clock import attempt_name
from flows.pipeline import Pipeline
from tasks.core import lease
from tasks.core.artifacts import Landed
from tasks.core.commit import commit, committed_batches, last_commit, open_run
from tasks.core.errors import DataError, LamplighterError, SourceMissingError
from tasks.core.records import Commit
from tasks.core.store import table_uri
from tasks.ingest.arrivals import KIND, Feed, Kept, read_take, unit
from tasks.ingest.business import Business
from tasks.ingest.coverage import covered
from tasks.ingest.merging import Base, gone_uri
from tasks.ingest.task import take

_DAY = dt.timedelta(days=1)
_WAIT_SECONDS = 600.0
_LOOK_BACK_DAYS = 31


def feeds(pipeline: Pipeline) -> dict[str, Feed]:
    """The sources that are read piece by piece, by name."""
    config = pipeline.config
    business = Business(config.timezone, config.calendar.is_open)
    return {
        name: Feed(name, source, business)
        for name, source in config.sources.items()
        if source.is_incremental
    }


def kept(pipeline: Pipeline, feed: Feed) -> Kept:
    """What nights have kept of a source."""
    records = committed_batches(pipeline.store, pipeline.name, f"{KIND}-{feed.name}-")
    own = (record for record in records if record.facts["source"] == feed.name)
    return Kept(feed, (read_take(record) for record in own if not record.facts.get("reset")))


def all_kept(pipeline: Pipeline) -> dict[str, Kept]:
    """What nights have kept, by source."""
    return {name: kept(pipeline, feed) for name, feed in feeds(pipeline).items()}


def lock(pipeline: Pipeline, name: str) -> Path:
    """The lease on what is kept of a source."""
    return pipeline.store.path(f"leases/{pipeline.name}/{KIND}-{name}.lock")


def take_night(pipeline: Pipeline, night: dt.date, names: Iterable[str]) -> None:
    """Take what a night is to read of some sources; each is committed as soon as it is read."""
    for name, feed in feeds(pipeline).items():
        if name in names:
            _take(pipeline, feed, night)


def _take(pipeline: Pipeline, feed: Feed, night: dt.date) -> None:
    store, attempt = pipeline.store, attempt_name()
    # One night at a time: what it keeps depends on what the others have kept.
    with (
        lease.hold(lock(pipeline, feed.name), attempt, _WAIT_SECONDS),
        open_run(store, pipeline.name, unit(feed.name, night), attempt) as run,
    ):
        known = kept(pipeline, feed).takes
        commit(run, take(run, feed, night, known, pipeline.secrets, pipeline.folder))


def cover(
    pipeline: Pipeline, names: Sequence[str], days: Sequence[dt.date]
) -> tuple[dict[str, Kept], dict[dt.date, LamplighterError]]:
    """Take what is missing of some sources for a range of dates.

    Args:
        pipeline: the pipeline.
        names: the sources; those that are not read piece by piece are left alone.
        days: open dates, in order.

    Returns:
        What is kept of each, and why dates could not be taken.
    """
    failures: dict[dt.date, LamplighterError] = {}
    for name, feed in feeds(pipeline).items():
        for night in _untaken(kept(pipeline, feed), days) if name in names else ():
            try:
                _take(pipeline, feed, night)
            except (DataError, SourceMissingError) as error:
                failures[night] = error
    return all_kept(pipeline), failures


def _untaken(known: Kept, days: Sequence[dt.date]) -> Sequence[dt.date]:
    source, business = known.feed.source, known.feed.business
    if source.watermark is None:
        return [day for day in days if known.take_of(day) is None]
    start = business.begins(source.start, source) if source.start else None
    reached = covered((take.stretch for take in known.takes if take.stretch), start)
    is_covered = (
        bool(days) and reached is not None and (reached >= business.begins(days[-1] + _DAY, source))
    )
    return [] if is_covered else days[-1:]


def digests(known: Mapping[str, Kept], names: Iterable[str], day: dt.date) -> dict[str, str]:
    """What a date's tables are made from, as its commit says it."""
    return {name: known[name].inputs(day).digest for name in names if name in known}


def stale(record: Commit, known: Mapping[str, Kept]) -> list[str]:
    """The sources of a date whose landed table is not made from all that is kept for it."""
    day = dt.date.fromisoformat(record.batch)
    merged: Mapping[str, str] = record.facts.get("arrivals", {})
    return [
        name
        for name, digest in digests(known, known, day).items()
        if digest != merged.get(name)
        and record.find(Landed, table_uri("landed", record.pipeline, name, record.batch))
    ]


def base(pipeline: Pipeline, known: Kept, day: dt.date) -> Base | None:
    """The nearest earlier table that a date's may be made from, of a source without late rows."""
    if known.feed.source.late:
        return None
    for before in (day - i * _DAY for i in range(1, _LOOK_BACK_DAYS + 1)):
        record = last_commit(pipeline.store, pipeline.name, str(before))
        name = known.feed.name
        if record is None or name not in record.facts.get("arrivals", {}):
            continue
        inputs = known.inputs(before)
        table = record.find(Landed, table_uri("landed", pipeline.name, name, record.batch))
        if table is not None and record.facts["arrivals"][name] == inputs.digest:
            gone = record.find(Landed, gone_uri(pipeline.name, name, record.batch))
            return Base(inputs, table, gone)
    return None


def stale_nights(pipeline: Pipeline, known: Mapping[str, Kept]) -> list[str]:
    """Nights that were run on rows which are not all there is by now, by date.

    A night is stale where rows of its own date arrived since, or of a date its features look
    back on.
    """
    if not known:
        return []
    records = {
        record.batch: record
        for record in committed_batches(pipeline.store, pipeline.name)
        if record.facts["kind"] in {"night", "landing"}
    }
    now = {ref.uri: ref.sha256 for record in records.values() for ref in record.files}
    for record in records.values():
        for name in stale(record, known):
            now[table_uri("valid", pipeline.name, name, record.batch)] = ""
            now[table_uri("landed", pipeline.name, name, record.batch)] = ""
    return [
        batch
        for batch, record in sorted(records.items())
        if record.facts["kind"] == "night"
        and (
            stale(record, known)
            or any(
                now.get(uri) != sha
                for uri, sha in record.facts["inputs"].items()
                if uri.startswith(("valid/", "landed/"))
            )
        )
    ]
