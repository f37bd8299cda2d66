"""Read any database that SQLAlchemy knows, row by row, where there is no way by Arrow."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, CursorResult, create_engine, text
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from tasks.ingest.sql_answer import (
    Answer,
    Engine,
    Question,
    Rows,
    counting,
    seconds,
    wanted,
)

_COUNTED = frozenset({"postgresql", "mysql", "mariadb", "sqlite"})
_MYSQL_TIMESTAMP, _MYSQL_BIT = 7, 16
_DAY = dt.timedelta(days=1)


@contextlib.contextmanager
def ask(question: Question) -> Iterator[Answer]:
    """Read a query's rows by a streaming cursor, in one read-only transaction."""
    url, source = question.url, question.source
    engine = create_engine(url, poolclass=NullPool, **_options(question))
    query = question.statement.render(
        lambda name: f":{name}", lambda part: part.replace(":", r"\:")
    )
    try:
        with engine.connect() as connection:
            connection = connection.execution_options(
                stream_results=True,
                max_row_buffer=source.batch_rows,
                **_ISOLATION.get(url.get_backend_name(), {}),
            )
            _begin(connection, question)
            result = connection.execute(text(query), _values(question))

            def count() -> int:
                return int(
                    connection.execute(text(counting(query)), _values(question)).scalar_one()
                )

            counted = count if url.get_backend_name() in _COUNTED else None
            yield Answer(_batches(result, question), counted)
            connection.rollback()
    finally:
        engine.dispose()


def _values(question: Question) -> dict[str, Any]:
    """The values; as text for SQLite, which has no type for dates."""
    if question.url.get_backend_name() != "sqlite":
        return dict(question.values)
    return {
        name: str(value) if isinstance(value, dt.date) else value
        for name, value in question.values.items()
    }


def _options(question: Question) -> dict[str, Any]:
    limit, deadline = seconds(question.source.timeout), seconds(question.source.deadline)
    backend = question.url.get_backend_name()
    if backend == "sqlite":
        path = Path(question.url.database or "").resolve()

        def connect() -> sqlite3.Connection:
            connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=limit)
            connection.execute("pragma query_only = on")
            return connection

        return {"creator": connect}
    if backend == "postgresql":
        return {"connect_args": {"connect_timeout": limit}, "json_deserializer": _as_text}
    if question.url.get_driver_name() == "pymysql":
        return {"connect_args": {"connect_timeout": limit, "read_timeout": deadline}}
    return {}


def _as_text(value: str | bytes) -> str:
    return value if isinstance(value, str) else bytes(value).decode()


_ISOLATION: dict[str, dict[str, Any]] = {
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
    "mysql": {"isolation_level": "AUTOCOMMIT"},
    "mariadb": {"isolation_level": "AUTOCOMMIT"},
    "mssql": {"isolation_level": "SNAPSHOT"},
}


def _begin(connection: Connection, question: Question) -> None:
    """Begin a transaction that sees one state and writes nothing, with the pipeline's time zone."""
    backend, deadline = question.url.get_backend_name(), seconds(question.source.deadline)
    if backend == "postgresql":
        for name, value in (("TimeZone", question.timezone), ("statement_timeout", f"{deadline}s")):
            connection.execute(text("select set_config(:n, :v, true)"), {"n": name, "v": value})
    elif backend in {"mysql", "mariadb"}:
        is_mariadb = getattr(connection.dialect, "is_mariadb", False)
        limit = (
            f"max_statement_time = {deadline}"
            if is_mariadb
            else f"max_execution_time = {deadline * 1000}"
        )
        for statement in (
            f"set session {limit}",
            "set session time_zone = '+00:00'",
            "set session transaction isolation level repeatable read",
            "start transaction with consistent snapshot, read only",
        ):
            connection.exec_driver_sql(statement)
    elif backend == "sqlite":
        connection.exec_driver_sql("begin")
    elif backend == "oracle":
        connection.exec_driver_sql("set transaction read only")


def _batches(result: CursorResult[Any], question: Question) -> Iterator[Rows]:
    found = list(result.keys())
    taken = [(column, found.index(column)) for column in wanted(found, question)]
    is_mysql = question.url.get_backend_name() in {"mysql", "mariadb"}
    cursor: Any = result.cursor
    codes = [entry[1] if is_mysql else None for entry in cursor.description]
    try:
        for batch in result.partitions(question.source.batch_rows):
            columns = list(zip(*batch, strict=True))
            yield {column: _faithful(columns[index], codes[index]) for column, index in taken}
    except SQLAlchemyError:
        if question.url.get_driver_name() == "pymysql":
            # Else it asks the lost connection for the rest, once it is collected.
            cursor._result.unbuffered_active, cursor.connection = False, None
        raise


def _faithful(values: Sequence[Any], code: object) -> Sequence[Any]:
    """Values of types that only some drivers have, as others have them."""
    if code == _MYSQL_TIMESTAMP:  # the session's time zone is UTC
        return [v.replace(tzinfo=dt.UTC) if isinstance(v, dt.datetime) else v for v in values]
    if code == _MYSQL_BIT:
        return [int.from_bytes(v) if isinstance(v, bytes) else v for v in values]
    convert = [c for kind, c in _CONVERSIONS.items() if any(isinstance(v, kind) for v in values)]
    for conversion in convert:
        values = [conversion(value) for value in values]
    return values


def _time_of_day(value: Any) -> Any:
    """How MySQL's drivers give a time; it may also be a span, which stays one."""
    is_time = isinstance(value, dt.timedelta) and dt.timedelta(0) <= value < _DAY
    return (dt.datetime.min + value).time() if is_time else value


def _json(value: Any) -> Any:
    if not isinstance(value, (list, dict)):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


_CONVERSIONS: dict[type | tuple[type, ...], Callable[[Any], Any]] = {
    dt.timedelta: _time_of_day,
    (list, dict): _json,
}


def _is_lost(error: Exception) -> bool:
    return isinstance(error, (OperationalError, InterfaceError))


ENGINE = Engine(ask, (SQLAlchemyError,), _is_lost)
