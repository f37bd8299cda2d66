"""One connection to PostgreSQL in a read-only transaction, with its values bound as settings."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import adbc_driver_postgresql
import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

from tasks.ingest.sql_answer import LostError, Question, seconds
from tasks.ingest.sql_values import Value

_BATCH_BYTES = 8 * 1024 * 1024
_PREFIX = "lamplighter."
_ORDERED = re.compile(r"\border\s+by\b", re.IGNORECASE)
# A peer that is gone without a word is noticed within two minutes.
_PATIENCE = {
    "keepalives_idle": "60",
    "keepalives_interval": "15",
    "keepalives_count": "4",
    "tcp_user_timeout": "120000",
    "application_name": "lamplighter",
}
_TYPES: dict[type, str] = {
    str: "text",
    bool: "boolean",
    int: "bigint",
    float: "double precision",
    Decimal: "numeric",
    dt.date: "date",
}


def cast(name: str, value: Value) -> str:
    """What stands for a value in a query: a setting of the session, in the value's type.

    COPY takes no parameters; a setting is bound by one, and read where the value is asked for.
    """
    kind = _TYPES.get(type(value), "timestamp")
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        kind = "timestamptz"
    return f"cast(current_setting('{_PREFIX}{name}') as {kind})"


class Session:
    """A connection in a transaction that reads one snapshot and can write nothing.

    Args:
        question: says where, and with which values.
        snapshot: one that another session exported; its own where there is none.
    """

    def __init__(self, question: Question, snapshot: str | None = None) -> None:
        self._connection = adbc.connect(_address(question), autocommit=True)
        try:
            self._cursor = self._connection.cursor()
            self.run("begin isolation level repeatable read, read only")
            if snapshot is not None:
                self._join(snapshot)
            for name, value in _settings(question).items():
                self.set(name, value)
        except BaseException:
            self._connection.close()
            raise

    def _join(self, snapshot: str) -> None:
        try:
            self.run(f"set transaction snapshot '{snapshot}'")
        except adbc.ProgrammingError as error:
            raise LostError(f"the session that holds the snapshot is gone: {error}") from None

    def set(self, name: str, value: str) -> None:
        """Set something for the transaction."""
        self.fetch("select set_config($1, $2, true)", name, value)

    def give(self, name: str, value: Value) -> str:
        """Bind a value; what stands for it in a query."""
        self.set(_PREFIX + name, str(value))
        return cast(name, value)

    def run(self, statement: str) -> None:
        """Run a statement that answers nothing."""
        self._cursor.execute(statement)

    def fetch(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        """All rows of a small answer."""
        self._cursor.execute(query, values or None)
        return list(self._cursor.fetchall())

    def export(self) -> str:
        """The name under which other sessions see the same snapshot, while this one is open."""
        return str(self.fetch("select pg_export_snapshot()")[0][0])

    def describe(self, query: str) -> list[tuple[str, str]]:
        """The names and types of a query's columns, without running it."""
        schema = self._cursor.adbc_execute_schema(query)
        return [(field.name, field.metadata[b"POSTGRESQL:type"].decode()) for field in schema]

    def read(self, query: str) -> Iterator[pa.RecordBatch]:
        """The rows of a query, by COPY."""
        option = adbc_driver_postgresql.StatementOptions.BATCH_SIZE_HINT_BYTES.value
        self._cursor.adbc_statement.set_options(**{option: str(_BATCH_BYTES)})
        self._cursor.execute(query)
        yield from self._cursor.fetch_record_batch()

    def is_alive(self) -> bool:
        """Whether the connection still stands, after an error."""
        try:
            self.run("rollback")
            return self.fetch("select 1") == [(1,)]
        except (adbc.Error, OSError):
            return False

    def close(self) -> None:
        """End the transaction and the connection."""
        self._cursor.close()
        self._connection.close()


def _address(question: Question) -> str:
    """The address as libpq's keywords and values, which take any character.

    As an address libpq refuses a blank, and shows the password that has one.
    """
    url = question.url
    parts = {
        "host": url.host,
        "port": url.port,
        "user": url.username,
        "password": url.password,
        "dbname": url.database,
        "connect_timeout": seconds(question.source.timeout),
        **_PATIENCE,
        **{k: v if isinstance(v, str) else ",".join(v) for k, v in url.query.items()},
    }
    return " ".join(f"{key}='{_escape(value)}'" for key, value in parts.items() if value)


def _escape(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace("'", "\\'")


def _settings(question: Question) -> dict[str, str]:
    """What the session must know: the zone, the limits, the values, and to read in order.

    Without an order of its own a query is read as one process finds the rows, from the table's
    start: otherwise the same rows would come in another order each time.
    """
    is_ordered = any(_ORDERED.search(piece) for piece in question.statement.pieces)
    return {
        "TimeZone": question.timezone,
        "IntervalStyle": "iso_8601",
        "statement_timeout": str(seconds(question.source.deadline) * 1000),
        "synchronize_seqscans": "off",
        **({} if is_ordered else {"max_parallel_workers_per_gather": "0"}),
        **{_PREFIX + name: str(value) for name, value in question.values.items()},
    }
