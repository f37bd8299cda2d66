"""The ingestion stage: one source, landed for one batch date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import stamina
from pydantic import SecretStr

from tasks.core.errors import SourceUnavailableError
from tasks.core.results import Ingested
from tasks.core.run import Run
from tasks.ingest import merging
from tasks.ingest.arrivals import Feed, Inputs, Take
from tasks.ingest.business import before
from tasks.ingest.config import FilesConfig, SourceConfig
from tasks.ingest.coverage import Stretch, plan
from tasks.ingest.files import read_files, read_objects
from tasks.ingest.http import read_http
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.incremental import Watermark
from tasks.ingest.keeping import keep
from tasks.ingest.landing import land
from tasks.ingest.masking import mask_parts
from tasks.ingest.memory import Memory
from tasks.ingest.parts import Part
from tasks.ingest.sql import read_sql
from tasks.ingest.sql_config import SqlConfig
from tasks.task import stage

_DAY = dt.timedelta(days=1)


@stage("ingest", task_run_name="ingest {name}")
def ingest(
    run: Run,
    name: str,
    source: SourceConfig,
    secrets: Mapping[str, SecretStr],
    folder: Path,
    timezone: str = "UTC",
) -> Ingested:
    """Land a source for the run's batch date, all of it or nothing.

    Args:
        run: the run that takes it in; its batch is the date.
        name: the source's name.
        source: its declaration.
        secrets: the value of each `${NAME}` it refers to.
        folder: where its relative paths start from.
        timezone: where the batch date begins and ends.

    Raises:
        SourceError: it could not be read completely.
        SchemaDriftError: its columns are not those declared.
    """
    for attempt in _attempts(source):
        with attempt:
            date, memory = dt.date.fromisoformat(run.batch), _memory(run, name, source)
            parts = _read(run, name, source, secrets, folder, date, timezone, memory)
            done = land(run, name, source, parts)
            if memory:
                memory.keep(done)
            return done
    raise AssertionError("stamina gives at least one attempt")


@stage("take", task_run_name="take {feed.name}")
def take(
    run: Run,
    feed: Feed,
    night: dt.date,
    takes: Sequence[Take],
    secrets: Mapping[str, SecretStr],
    folder: Path,
) -> dict[str, Any]:
    """Read of a source what a night is to read, and keep what was not known yet.

    Args:
        run: the run of the arrivals' own commit.
        feed: the source.
        night: the date.
        takes: what nights have kept of the source.
        secrets: the value of each `${NAME}` it refers to.
        folder: where its relative paths start from.

    Returns:
        The facts of the commit.

    Raises:
        SourceError: it could not be read completely.
        SchemaDriftError: its columns are not those declared.
    """
    source, zone = feed.source, feed.business.timezone
    stretch = _stretch(feed, night, takes)
    watermark = before(stretch.since, source) if stretch else None
    for attempt in _attempts(source):
        with attempt:
            parts = _read(run, feed.name, source, secrets, folder, night, zone, None, watermark)
            return keep(run, feed, night, parts, stretch, takes)
    raise AssertionError("stamina gives at least one attempt")


@stage("ingest", task_run_name="ingest {feed.name}")
def merge(run: Run, feed: Feed, inputs: Inputs, base: merging.Base | None = None) -> Ingested:
    """Land a source for the run's batch date from what is kept of it.

    Args:
        run: the run of the date.
        feed: the source.
        inputs: what is kept for the date.
        base: an earlier date's table, where it saves work.
    """
    return merging.merge(run, feed, inputs, base)


def _attempts(source: SourceConfig) -> Iterator[stamina.Attempt]:
    # A snapshot ends with its connection: what was read of it is thrown away, written aside as it
    # was, and all is read again. The other sources try again by themselves, page by page.
    attempts = source.attempts if isinstance(source, SqlConfig) else 1
    return iter(stamina.retry_context(on=SourceUnavailableError, attempts=attempts))


def _stretch(feed: Feed, night: dt.date, takes: Sequence[Take]) -> Stretch | None:
    """The watermarks a night reads; None of a source without one."""
    source, business = feed.source, feed.business
    if source.watermark is None:
        return None
    return plan(
        business.begins(night, source),
        business.begins(night + _DAY, source),
        source.overlap,
        [known.stretch for known in takes if known.stretch],
        next((known.stretch for known in takes if known.night == night), None),
        business.begins(source.start, source) if source.start else None,
    )


def _memory(run: Run, name: str, source: SourceConfig) -> Memory | None:
    # Rows that were kept are hashed already: of a personal source all is asked for again.
    if isinstance(source, HttpConfig) and source.conditional and source.personal is None:
        return Memory(run, name, source)
    return None


def _read(
    run: Run,
    name: str,
    source: SourceConfig,
    secrets: Mapping[str, SecretStr],
    folder: Path,
    date: dt.date,
    timezone: str,
    memory: Memory | None = None,
    watermark: Watermark | None = None,
) -> Iterator[Part]:
    parts = _read_clear(run, name, source, secrets, folder, date, timezone, memory, watermark)
    return mask_parts(parts, source, secrets, folder, f"sources.{name}")


def _read_clear(
    run: Run,
    name: str,
    source: SourceConfig,
    secrets: Mapping[str, SecretStr],
    folder: Path,
    date: dt.date,
    timezone: str,
    memory: Memory | None,
    watermark: Watermark | None,
) -> Iterator[Part]:
    if isinstance(source, FilesConfig):
        if source.is_remote:
            return read_objects(source, date, secrets, run.staging, f"sources.{name}")
        return read_files(source, date, folder)
    if isinstance(source, HttpConfig):
        return read_http(source, secrets, date, f"sources.{name}", folder, memory, watermark)
    return read_sql(name, source, secrets, date, folder, timezone, watermark)
