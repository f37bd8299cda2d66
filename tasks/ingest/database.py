"""Open a database for reading, and say what went wrong without saying its password."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.pool import NullPool

from tasks.core.errors import (
    ConfigError,
    SourceError,
    SourceMissingError,
    SourceUnavailableError,
)
from tasks.ingest.templates import expand_url, redact

_MISSING = re.compile(
    r"no such table|(relation|table|database|view) .* (does not|doesn't) exist|unknown database",
    re.I,
)
_REFUSED = re.compile(r"syntax error|no such column|column .* does not exist|read-?only", re.I)


def address(template: str, secrets: Mapping[str, SecretStr], folder: Path, where: str) -> URL:
    """The address of a database.

    Args:
        template: may hold `${NAME}`.
        secrets: by name.
        folder: where a relative path to a SQLite file starts from.
        where: the source, for messages.

    Raises:
        ConfigError: it is none, or names a driver that is not installed.
        SourceMissingError: there is no such SQLite file; none is made.
    """
    try:
        url = make_url(expand_url(template, secrets, f"{where}.url"))
        url.get_dialect().import_dbapi()
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        raise ConfigError(
            "a database's address, as SQLAlchemy writes it, and its driver",
            found=type(error).__name__,
            where=f"{where}.url",
            do="Write sqlite:///file.db or postgresql+psycopg://user:${PASSWORD}@host/database.",
        ) from None
    if url.get_backend_name() != "sqlite":
        return url
    path = folder / (url.database or "")
    if not path.is_file():
        raise SourceMissingError(
            "a SQLite database",
            found="no such file",
            where=f"{where}.url: {path}",
            do="Check the path; a relative one starts from the pipeline file's folder.",
        )
    return url.set(database=str(path))


@contextlib.contextmanager
def open_snapshot(url: URL, timeout: dt.timedelta, batch_rows: int) -> Iterator[Connection]:
    """A connection in a read-only transaction that sees one state of the database."""
    engine = create_engine(url, poolclass=NullPool, **_options(url, timeout))
    try:
        with engine.connect() as connection:
            yield connection.execution_options(
                stream_results=True, max_row_buffer=batch_rows, **_isolation(url)
            )
            connection.rollback()
    finally:
        engine.dispose()


def _options(url: URL, timeout: dt.timedelta) -> dict[str, Any]:
    seconds = max(1, round(timeout.total_seconds()))
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "").resolve()

        def connect() -> sqlite3.Connection:
            connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=seconds)
            connection.execute("pragma query_only = on")
            return connection

        return {"creator": connect}
    if url.get_backend_name() in {"postgresql", "mysql", "mariadb"}:
        return {"connect_args": {"connect_timeout": seconds}}
    return {}


def _isolation(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "postgresql":
        return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    if url.get_backend_name() in {"mysql", "mariadb"}:
        return {"isolation_level": "REPEATABLE READ"}
    return {}


def explain(
    error: SQLAlchemyError, url: URL, secrets: Mapping[str, SecretStr], where: str
) -> SourceError:
    """Say what went wrong, by kind, without the address' secrets."""
    cause = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    found = _without_secrets(" ".join(cause.split()), url, secrets)
    if _MISSING.search(found):
        return SourceMissingError(
            "the database and every table of the query",
            found=found,
            where=where,
            do="Check the query's names, and that the address names the right database.",
        )
    unavailable = isinstance(error, (OperationalError, InterfaceError))
    if unavailable and not _REFUSED.search(found):
        return SourceUnavailableError(
            "a database that answers to the end",
            found=found,
            where=where,
            do="Check that it runs and may be reached and read from here; then run again.",
        )
    return SourceError(
        "a query that the database accepts and only reads",
        found=found,
        where=where,
        do="Try the query in the database's own shell.",
    )


def _without_secrets(message: str, url: URL, secrets: Mapping[str, SecretStr]) -> str:
    message = redact(message, secrets)
    for secret in (url.password, *(v for v in url.query.values() if isinstance(v, str))):
        if secret:
            message = message.replace(secret, "***")
    return message
