"""The ingestion stage: one source, landed for one batch date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path

import stamina
from pydantic import SecretStr

from tasks.core.artifacts import Ingested
from tasks.core.commit import Run
from tasks.core.errors import SourceUnavailableError
from tasks.ingest.config import FilesConfig, SourceConfig
from tasks.ingest.files import read_files
from tasks.ingest.http import read_http
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.landing import land
from tasks.ingest.memory import Memory
from tasks.ingest.parts import Part
from tasks.ingest.sql import read_sql
from tasks.ingest.sql_config import SqlConfig
from tasks.task import stage


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
    attempts = source.attempts if isinstance(source, SqlConfig) else 1
    # A snapshot ends with its connection: what was read of it is thrown away, written aside as it
    # was, and all is read again. The other sources try again by themselves, page by page.
    for attempt in stamina.retry_context(on=SourceUnavailableError, attempts=attempts):
        with attempt:
            date, memory = dt.date.fromisoformat(run.batch), _memory(run, name, source)
            parts = _read(name, source, secrets, folder, date, timezone, memory)
            done = land(run, name, source, parts)
            if memory:
                memory.keep(done)
            return done
    raise AssertionError("stamina gives at least one attempt")


def _memory(run: Run, name: str, source: SourceConfig) -> Memory | None:
    if isinstance(source, HttpConfig) and source.conditional:
        return Memory(run, name, source)
    return None


def _read(
    name: str,
    source: SourceConfig,
    secrets: Mapping[str, SecretStr],
    folder: Path,
    date: dt.date,
    timezone: str,
    memory: Memory | None,
) -> Iterator[Part]:
    if isinstance(source, FilesConfig):
        return read_files(source, date, folder)
    if isinstance(source, HttpConfig):
        return read_http(source, secrets, date, f"sources.{name}", folder, memory)
    return read_sql(name, source, secrets, date, folder, timezone)
