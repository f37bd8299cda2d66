"""What is asked of a database, and what it answers with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import URL

from tasks.ingest.arrow_columns import Columns
from tasks.ingest.evolving import new_names
from tasks.ingest.parts import check_columns
from tasks.ingest.sql_config import SqlConfig
from tasks.ingest.sql_statement import Statement
from tasks.ingest.sql_values import Value

Rows = Mapping[str, Sequence[Any]]
Batch = Columns | Rows


@dataclass(frozen=True, slots=True)
class Question:
    """A query and what it is asked with.

    Args:
        url: the database.
        source: the source's declaration.
        statement: the query.
        values: what it asks for, by name.
        timezone: the pipeline's.
        where: the source's key in the pipeline file.
    """

    url: URL
    source: SqlConfig
    statement: Statement
    values: Mapping[str, Value]
    timezone: str
    where: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of one snapshot.

    Args:
        batches: in Arrow's types or as columns of Python values, in the query's order.
        count: counts the rows again in the same snapshot; None where there is none.
    """

    batches: Iterator[Batch]
    count: Callable[[], int] | None


@dataclass(frozen=True, slots=True)
class Engine:
    """A way to read a database.

    Args:
        ask: opens the database in a read-only snapshot and asks.
        errors: what it raises.
        is_lost: whether an error means that the database is away, so that a retry may help.
    """

    ask: Callable[[Question], AbstractContextManager[Answer]]
    errors: tuple[type[Exception], ...]
    is_lost: Callable[[Exception], bool]


class LostError(Exception):
    """The connection is lost, or the database stopped reading: a retry may help."""


def wanted(found: Sequence[str], question: Question) -> list[str]:
    """The columns of a query that are taken.

    Args:
        found: all of them, as the database names them.
        question: the question.

    Raises:
        SchemaDriftError: they are not those declared.
    """
    check_columns(found, question.source, f"the query of {question.where}")
    return [*question.source.columns, *new_names(found, question.source)]


def rows_of(batch: Batch) -> int:
    """The number of rows in a batch."""
    return batch.frame.height if isinstance(batch, Columns) else len(next(iter(batch.values())))


def counting(query: str) -> str:
    """A query that counts another one's rows."""
    return f"select count(*) from (\n{query}) lamplighter"


def seconds(span: dt.timedelta) -> int:
    """A limit in whole seconds, at least one."""
    return max(1, round(span.total_seconds()))
