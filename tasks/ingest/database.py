"""Find a database's address and its driver, and say what went wrong without its password."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from urllib.parse import quote, quote_plus

from pydantic import SecretStr
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from tasks.core.errors import (
    ConfigError,
    SourceError,
    SourceMissingError,
    SourceUnavailableError,
)
from tasks.ingest.sql_answer import Engine
from tasks.ingest.sql_statement import Statement
from tasks.ingest.templates import expand_url, redact

FILES = frozenset({"sqlite", "duckdb"})
MYSQL = frozenset({"mysql", "mariadb"})
READ_ONLY = frozenset({"postgresql", "oracle"}) | FILES | MYSQL

_ARROW = {"postgresql": "tasks.ingest.postgresql", "duckdb": "tasks.ingest.duckdb_file"}
_DRIVERS = {
    "postgres": "postgresql",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "oracle": "oracle+oracledb",
}
_PACKAGES = {
    "postgresql": "psycopg[binary]",
    "mssql": "lamplighter[sqlserver], and Microsoft's ODBC driver",
    "oracle": "lamplighter[oracle]",
    "snowflake": "lamplighter[snowflake]",
    "bigquery": "lamplighter[bigquery]",
}
_MISSING = re.compile(
    r"no such table|(relation|table|database|view|schema) .* (does not|doesn't) exist|"
    r"unknown database|invalid object name|ORA-00942",
    re.I,
)
_REFUSED = re.compile(
    r"syntax error|unrecognized token|no such (column|function)|unknown column|"
    r"column .* does not exist|read-?only|"
    r"access denied|authentication failed|permission denied|role .* does not exist|pg_hba|"
    r"invalid (uri|percent-encoded|connection option|sslmode)",
    re.I,
)


def address(template: str, secrets: Mapping[str, SecretStr], folder: Path, where: str) -> URL:
    """The address of a database, with its driver.

    Args:
        template: may hold `${NAME}`.
        secrets: by name.
        folder: where a relative path to a database's file starts from.
        where: the source, for messages.

    Raises:
        ConfigError: it is none, or its driver is not installed.
        SourceMissingError: there is no such file; none is made.
    """
    text, failed = expand_url(template, secrets, f"{where}.url"), None
    try:
        url = make_url(text)
        url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
        if url.drivername not in _ARROW:
            url.get_dialect().import_dbapi()
    except (NoSuchModuleError, ImportError):
        failed = _no_driver(url, where)
    except (ArgumentError, ValueError):
        failed = _no_address(where)
    if failed is not None:
        raise failed
    return _existing(url, folder, where) if url.get_backend_name() in FILES else url


def _no_address(where: str) -> ConfigError:
    return ConfigError(
        "a database's address, as SQLAlchemy writes it",
        found="something else",
        where=f"{where}.url",
        do="Write sqlite:///file.db or postgresql://user:${PASSWORD}@host/database.",
    )


def _no_driver(url: URL, where: str) -> ConfigError:
    package = _PACKAGES.get(url.get_backend_name())
    return ConfigError(
        f"a driver for {url.drivername}",
        found="none that is installed",
        where=f"{where}.url",
        do=f"pip install '{package}'"
        if package
        else "Check how the address begins; else install "
        "the package that gives SQLAlchemy this dialect.",
    )


def _existing(url: URL, folder: Path, where: str) -> URL:
    path = folder / (url.database or "")
    if not path.is_file():
        raise SourceMissingError(
            f"a database that {url.get_backend_name()} reads",
            found="no such file",
            where=f"{where}.url: {path}",
            do="Check the path; a relative one starts from the pipeline file's folder.",
        )
    return url.set(database=str(path))


def engine_for(url: URL, in_ranges: bool, where: str) -> Engine:
    """How a database is read: by Arrow where the address names no other driver, else by rows.

    Args:
        url: its address.
        in_ranges: whether several connections are to share one snapshot.
        where: the source, for messages.

    Raises:
        ConfigError: they cannot.
    """
    if in_ranges and url.drivername != "postgresql":
        raise ConfigError(
            "PostgreSQL, by its own driver, for a partition",
            found=url.drivername,
            where=f"{where}.partition",
            do="Leave partition out: only PostgreSQL lets several connections share a snapshot.",
        )
    module = import_module(_ARROW.get(url.drivername, "tasks.ingest.sql_rows"))
    engine = module.ENGINE
    assert isinstance(engine, Engine)
    return engine


def select_all(table: str, key: Sequence[str], url: URL) -> Statement:
    """A query of a whole table in the order of its key, each name quoted where it has to be.

    All columns are read, as the database itself names them, so that a new one is seen.
    """
    is_duckdb = url.get_backend_name() == "duckdb"
    dialect = DefaultDialect() if is_duckdb else url.get_dialect()()
    quoted = dialect.identifier_preparer.quote
    name = ".".join(quoted(part) for part in table.split("."))
    order = f" order by {', '.join(quoted(column) for column in key)}" if key else ""
    return Statement((f"select * from {name}{order}\n",))


def explain(
    error: Exception, is_lost: bool, url: URL, secrets: Mapping[str, SecretStr], where: str
) -> SourceError:
    """Say what went wrong, by kind, without the address' secrets."""
    cause = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    told = " ".join(cause.partition("\nQuery was:")[0].split())
    found = _without_secrets(told, url, secrets)
    if _MISSING.search(found):
        return SourceMissingError(
            "the database and every table of the query",
            found=found,
            where=where,
            do="Check the query's names, and that the address names the right database.",
        )
    if is_lost and not _REFUSED.search(found):
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
            encoded = quote(secret, safe="")
            for spelling in (secret, encoded, quote(secret, safe=" "), quote_plus(secret)):
                message = message.replace(spelling, "***")
    return message
