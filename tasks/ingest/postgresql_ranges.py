"""Cut a query into ranges of one column."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.core.errors import ConfigError
from tasks.ingest.postgresql_session import Session
from tasks.ingest.sql_config import Partition
from tasks.ingest.sql_values import Value

_EPOCH = dt.datetime(1970, 1, 1)
_MICROSECOND = dt.timedelta(microseconds=1)
_CUT = frozenset({"int2", "int4", "int8", "date", "timestamp", "timestamptz"})


@dataclass(frozen=True, slots=True)
class Range:
    """Rows whose value is at least `lower` and less than `upper`; None is no limit."""

    lower: Value | None = None
    upper: Value | None = None


def cut(
    session: Session, query: str, types: Mapping[str, str], partition: Partition, where: str
) -> list[Range]:
    """Ranges of equal width that together hold every row, the lowest first.

    Args:
        session: the snapshot to find the lowest and the highest value in.
        query: the query, its values bound.
        types: its columns' types, by name.
        partition: the column and how many ranges.
        where: the source's key in the pipeline file.

    Raises:
        ConfigError: the query has no such column, or it cannot be cut.
    """
    kind = types.get(partition.column)
    if kind not in _CUT:
        raise ConfigError(
            f"a column of the query of type {', '.join(sorted(_CUT))}",
            found=f"{partition.column} of type {kind}" if kind else f"no {partition.column}",
            where=f"{where}.partition.column",
            do="Name a column of the query that holds whole numbers, dates or datetimes.",
        )
    name = quote(partition.column)
    lowest, highest = session.fetch(
        f"select min({name}), max({name}) from (\n{query}) lamplighter where isfinite({name})"
        if kind[0] in "dt"
        else f"select min({name}), max({name}) from (\n{query}) lamplighter"
    )[0]
    return between(lowest, highest, partition.parts)


def between(lowest: Any, highest: Any, parts: int) -> list[Range]:
    """Ranges of equal width from the lowest to the highest value, open at both ends."""
    if lowest is None:
        return [Range()]
    start, end = _number(lowest), _number(highest)
    bounds = sorted({start + (end - start + 1) * i // parts for i in range(1, parts)} - {start})
    values = [_value(bound, lowest) for bound in bounds]
    return [Range(*ends) for ends in zip([None, *values], [*values, None], strict=True)]


def condition(session: Session, part: Range, column: str) -> str:
    """What holds for the rows of a range alone, its ends bound; the last one has the nulls."""
    name = quote(column)
    lower = part.lower is not None and f"{name} >= {session.give('lower', part.lower)}"
    upper = part.upper is not None and f"{name} < {session.give('upper', part.upper)}"
    if lower and upper:
        return f" where {lower} and {upper}"
    if lower:
        return f" where {lower} or {name} is null"
    return f" where {upper}" if upper else ""


def quote(name: str) -> str:
    """A name as PostgreSQL takes it as it is."""
    return '"' + name.replace('"', '""') + '"'


def _number(value: Any) -> int:
    if isinstance(value, dt.datetime):
        return (value.replace(tzinfo=None) - _EPOCH) // _MICROSECOND
    return value.toordinal() if isinstance(value, dt.date) else int(value)


def _value(number: int, like: Any) -> Value:
    if isinstance(like, dt.datetime):
        return (_EPOCH + number * _MICROSECOND).replace(tzinfo=like.tzinfo)
    return dt.date.fromordinal(number) if isinstance(like, dt.date) else number
