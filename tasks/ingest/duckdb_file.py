"""Read a DuckDB file by its own Arrow output."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import duckdb

from tasks.ingest.arrow_columns import Columns, plain
from tasks.ingest.sql_answer import Answer, Engine, Question, wanted

_NATIVE = frozenset(
    "boolean,tinyint,smallint,integer,bigint,hugeint,utinyint,usmallint,uinteger,ubigint,float,"  # noqa: SIM905
    "double,decimal,varchar,blob,date,time,timestamp,timestamp_s,timestamp_ms,timestamp_ns,"
    "timestamp with time zone,uuid,enum,null".split(",")
)
_NESTED = frozenset({"list", "array", "struct", "map", "union"})
_WHOLE = frozenset({"uhugeint", "bignum"})


@contextlib.contextmanager
def ask(question: Question) -> Iterator[Answer]:
    """Read a query's rows from a file that is opened for reading, and from nothing else."""
    path = question.url.database or ""
    with duckdb.connect(path, read_only=True) as connection:
        for statement in (
            f"set TimeZone = '{question.timezone}'",
            "set enable_external_access = false",  # no other file, no network
            "set lock_configuration = true",
            "begin transaction read only",
        ):
            connection.execute(statement)
        query = question.statement.render(lambda name: f"${name}")
        relation = connection.sql(query, params=dict(question.values) or None)
        kinds = dict(zip(relation.columns, (str(t.id) for t in relation.types), strict=True))
        taken = wanted(relation.columns, question)
        columns = ", ".join(_projected(n, kinds[n], n in question.source.columns) for n in taken)
        numeric = frozenset(name for name in taken if kinds[name] in _WHOLE)

        def batches() -> Iterator[Columns]:
            for batch in relation.project(columns).to_arrow_reader(question.source.batch_rows):
                yield Columns(plain(batch).frame, numeric)

        yield Answer(batches(), lambda: int(relation.count("*").fetchall()[0][0]))


def _projected(name: str, kind: str, is_declared: bool) -> str:
    """A column as it is asked for: what Arrow or Polars lack as text, what is nested as JSON."""
    quoted = '"' + name.replace('"', '""') + '"'
    if kind in _NATIVE and is_declared:
        return quoted
    inner = f"to_json({quoted})" if kind in _NESTED else quoted
    return f"cast({inner} as varchar) as {quoted}"


def _is_lost(error: Exception) -> bool:
    return isinstance(error, (duckdb.IOException, duckdb.ConnectionException))


ENGINE = Engine(ask, (duckdb.Error,), _is_lost)
