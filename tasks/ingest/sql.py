"""Read one query's rows in one read-only snapshot, and hold that all of them arrived."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy.engine import URL

from tasks.core.errors import SourceError
from tasks.ingest.arrow_columns import Columns, take_arrow
from tasks.ingest.database import MYSQL, READ_ONLY, address, engine_for, explain, select_all
from tasks.ingest.incremental import Watermark
from tasks.ingest.parts import Part
from tasks.ingest.pipes import LateError, Pipes
from tasks.ingest.records import positions, take_columns
from tasks.ingest.sql_answer import Batch, Engine, LostError, Question, rows_of, seconds
from tasks.ingest.sql_config import SqlConfig
from tasks.ingest.sql_statement import Statement, parse
from tasks.ingest.sql_values import bind, moments


def read_sql(
    name: str,
    source: SqlConfig,
    secrets: Mapping[str, SecretStr],
    date: dt.date,
    folder: Path,
    timezone: str = "UTC",
    watermark: Watermark | None = None,
) -> Iterator[Part]:
    """Read the rows of a query or a table.

    Args:
        name: the source's name: rows say it as their `_source`.
        source: its declaration.
        secrets: the value of each `${NAME}` it refers to.
        date: the batch date.
        folder: where a relative path to a database's file starts from.
        timezone: where the batch date begins and ends.
        watermark: the last one that is not asked for any more, of a source that has one.

    Raises:
        ConfigError: the address is none, the query does more than read, or it asks for a value
            that is not given.
        SourceMissingError: the database, or a table of the query, is not there.
        SourceUnavailableError: the database does not answer, or the connection broke.
        SourceError: the query is refused, or fewer or more rows arrived than there are.
        SchemaDriftError: its columns are not those declared.
    """
    where = f"sources.{name}"
    url = address(source.url, secrets, folder, where)
    engine = engine_for(url, source.partition is not None, where)
    statement = _statement(source, url, where)
    values = bind(statement.values, moments(date, timezone, watermark), f"{where}.query")
    question = Question(url, source, statement, values, timezone, where)
    failure: SourceError | None = None
    errors: tuple[type[Exception], ...] = (*engine.errors, LostError, LateError)
    try:
        with Pipes([question], _reader(engine), 1, seconds(source.deadline)) as batches:
            yield from _parts(iter(batches), name, source)
    except errors as error:
        is_lost = isinstance(error, (LostError, LateError)) or engine.is_lost(error)
        failure = explain(error, is_lost, url, secrets, where)
    if failure is not None:  # outside: the driver's own error, which may hold the address, is left
        raise failure


def _statement(source: SqlConfig, url: URL, where: str) -> Statement:
    if source.table:
        return select_all(source.table, source.key, url)
    backend = url.get_backend_name()
    may_write = backend not in READ_ONLY
    return parse(source.query, backend in MYSQL, may_write, f"{where}.query")


def _reader(
    engine: Engine,
) -> Callable[[], AbstractContextManager[Callable[[Question], Iterator[Batch]]]]:
    """Reads in a thread of its own, where a driver that hangs holds up nobody past the deadline."""
    return lambda: contextlib.nullcontext(lambda question: _read(engine, question))


def _read(engine: Engine, question: Question) -> Iterator[Batch]:
    seen = 0
    with engine.ask(question) as answer:
        for batch in answer.batches:
            seen += rows_of(batch)
            yield batch
        there = answer.count() if question.source.verify_count and answer.count else seen
    if there != seen:
        raise SourceError(
            f"{there} rows, as many as the query has in its snapshot",
            found=str(seen),
            where=question.where,
            do="Nothing of it was taken. Where the query gives other rows each time it is asked, "
            "by random() say, mend it or set verify_count: false; else please report it.",
        )


def _parts(batches: Iterator[Batch], name: str, source: SqlConfig) -> Iterator[Part]:
    line = 1
    for batch in batches:
        if isinstance(batch, Columns):
            yield take_arrow(batch, line, name, source)
        else:
            yield take_columns(batch, positions(line, rows_of(batch)), name, source)
        line += rows_of(batch)
