"""Read one query's rows in one read-only snapshot."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import CursorResult, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from tasks.core.errors import ConfigError
from tasks.ingest.config import SqlConfig
from tasks.ingest.database import address, explain, open_snapshot
from tasks.ingest.evolving import new_names
from tasks.ingest.parts import Part, check_columns
from tasks.ingest.records import positions, take_columns


def read_sql(
    name: str, source: SqlConfig, secrets: Mapping[str, SecretStr], date: dt.date, folder: Path
) -> Iterator[Part]:
    """Read the rows of a query, `batch_rows` at a time.

    Args:
        name: the source's name: rows say it as their `_source`.
        source: its declaration.
        secrets: the value of each `${NAME}` it refers to.
        date: the batch date.
        folder: where a relative path to a SQLite file starts from.

    Raises:
        ConfigError: the address is none, or the query asks for a value that is not given.
        SourceMissingError: the database, or a table of the query, is not there.
        SourceUnavailableError: the database does not answer, or the connection broke.
        SourceError: the query is refused.
        SchemaDriftError: its columns are not those declared.
    """
    where = f"sources.{name}"
    url = address(source.url, secrets, folder, where)
    statement = text(source.query)
    values = _values(statement.compile().params, _moments(date, url), f"{where}.query")
    try:
        with open_snapshot(url, source.timeout, source.batch_rows) as connection:
            yield from _parts(connection.execute(statement, values), name, source)
    except SQLAlchemyError as error:
        # The driver's own message may hold the address: it is told without its secrets.
        raise explain(error, url, secrets, where) from None


def _values(
    asked: Mapping[str, object], given: Mapping[str, object], where: str
) -> dict[str, object]:
    unknown = sorted(set(asked) - set(given))
    if unknown:
        raise ConfigError(
            f"a query that asks for {', '.join(f':{name}' for name in given)}",
            found=", ".join(f":{name}" for name in unknown),
            where=where,
            do="Write a colon that begins no value as \\:.",
        )
    return {name: given[name] for name in asked}


def _moments(date: dt.date, url: URL) -> dict[str, object]:
    """The batch date, its start and its end; as text for SQLite, which has no type for them."""
    since = dt.datetime.combine(date, dt.time())
    moments = {"date": date, "since": since, "until": since + dt.timedelta(days=1)}
    if url.get_backend_name() == "sqlite":
        return {name: str(moment) for name, moment in moments.items()}
    return dict(moments)


def _parts(
    result: CursorResult[tuple[object, ...]], name: str, source: SqlConfig
) -> Iterator[Part]:
    found = list(result.keys())
    check_columns(found, source, f"the query of {name}")
    taken = [*source.columns, *new_names(found, source)]
    wanted = [(column, found.index(column)) for column in taken]
    line = 1
    for batch in result.partitions(source.batch_rows):
        columns = list(zip(*batch, strict=True))
        records = {column: columns[index] for column, index in wanted}
        yield take_columns(records, positions(line, len(batch)), name, source)
        line += len(batch)
