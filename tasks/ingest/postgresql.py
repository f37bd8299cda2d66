"""Read PostgreSQL through ADBC: a binary COPY, straight to Arrow, in one exported snapshot."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

from tasks.ingest.arrow_columns import Columns, plain
from tasks.ingest.pipes import Pipes
from tasks.ingest.postgresql_ranges import Range, condition, cut, quote
from tasks.ingest.postgresql_session import Session, cast
from tasks.ingest.sql_answer import Answer, Engine, LostError, Question, counting, seconds, wanted

_STREAM_ERRORS = (OSError, pa.ArrowException)
# What ADBC hands on as it is. Of everything else PostgreSQL itself makes text, and of lists JSON.
_NATIVE = frozenset(
    "bool int2 int4 int8 float4 float8 numeric text varchar bpchar name bytea date timestamp "  # noqa: SIM905
    "timestamptz time json jsonb uuid".split()
)
_NUMBERS = {"oid": "int8", "money": "numeric"}


@contextlib.contextmanager
def ask(question: Question) -> Iterator[Answer]:
    """Read a query's rows in one snapshot, by one connection or by several."""
    query = question.statement.render(lambda name: cast(name, question.values[name]))
    with contextlib.closing(Session(question)) as session:
        described = session.describe(query)
        taken = wanted([name for name, _ in described], question)
        types = dict(described)
        columns = ", ".join(
            _projected(name, types[name], question.source.columns) for name in taken
        )
        selected = f"select {columns} from (\n{query}) lamplighter"
        with _frames(session, question, query, types, selected) as frames:
            yield Answer(frames, lambda: int(session.fetch(counting(query))[0][0]))


@contextlib.contextmanager
def _frames(
    session: Session, question: Question, query: str, types: Mapping[str, str], selected: str
) -> Iterator[Iterator[Columns]]:
    """The rows in the query's order, or in that of the ranges it is cut into."""
    partition = question.source.partition
    if partition is None:
        yield _read(session, selected)
        return

    @contextlib.contextmanager
    def reader() -> Iterator[Callable[[Range], Iterator[Columns]]]:
        with contextlib.closing(Session(question, snapshot)) as own:
            yield lambda part: _read(own, selected + condition(own, part, partition.column))

    snapshot = session.export()
    ranges = cut(session, query, types, partition, question.where)
    limit = seconds(question.source.deadline)
    with Pipes(ranges, reader, partition.connections, limit) as pipes:
        yield iter(pipes)


def _projected(name: str, kind: str, declared: Collection[str]) -> str:
    """A column as it is asked for; new ones, which are kept as text, as PostgreSQL writes them."""
    quoted = quote(name)
    if kind in _NATIVE and name in declared:
        return quoted
    if kind in _NUMBERS and name in declared:
        return f"cast({quoted} as {_NUMBERS[kind]}) as {quoted}"
    return f"to_json({quoted}) #>> '{{}}' as {quoted}"


def _read(session: Session, query: str) -> Iterator[Columns]:
    try:
        for batch in session.read(query):
            yield plain(batch)
    except _STREAM_ERRORS as error:  # of the stream; it does not say of what kind it is
        if session.is_alive():
            raise
        raise LostError(str(error)) from None


_LOST_STATES = ("08", "40", "53", "55", "57", "58")
_STOPPED = ("canceling statement", "conflict with recovery", "terminating connection")


def _is_lost(error: Exception) -> bool:
    """Whether it is not the query's fault: by its SQLSTATE where there is one."""
    state = getattr(error, "sqlstate", None)
    if state:
        return str(state).startswith(_LOST_STATES)
    return isinstance(error, adbc.OperationalError) or any(m in str(error) for m in _STOPPED)


ENGINE = Engine(ask, (adbc.Error, *_STREAM_ERRORS), _is_lost)
