"""Batch dates of one table, one below the other."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tasks.core.event import EventConfig
from tasks.core.quarantine import LINE, SOURCE

BATCH_DATE = "batch_date"


def last_instant() -> pl.Expr:
    """The last microsecond of a row's batch date: by then what has no time of its own happened."""
    return pl.col(BATCH_DATE).cast(pl.Datetime("us")) + pl.duration(days=1, microseconds=-1)


def stack(parts: Sequence[pl.LazyFrame]) -> pl.LazyFrame:
    """Put the batch dates of a table together, in the columns that the newest of them has.

    A source's columns change with time. Of earlier dates, a column that there was not yet is
    missing, one that is gone is left out, and one of another type is read as the newest's type
    where its values can be; bytes never are anything else.

    Args:
        parts: at least one, the newest last.
    """
    return pl.concat(alike(parts))


def alike(parts: Sequence[pl.LazyFrame]) -> list[pl.LazyFrame]:
    """Each part in the columns of the newest, which is the last; see `stack`."""
    schema = parts[-1].collect_schema()
    return [_as(schema, part) for part in parts]


def order(event: EventConfig) -> list[str]:
    """The columns that put rows in one order, where no two have the same key and date."""
    return [*([event.time] if event.time else []), *event.key, BATCH_DATE]


def in_order(rows: pl.LazyFrame, event: EventConfig) -> pl.LazyFrame:
    """Sort by event time, key and batch date: an order that the input's order has no part in.

    Rows that these do not tell apart are sorted by what else they say, and last by where they were
    read from.
    """
    first = order(event)
    origin = [SOURCE, LINE]
    names = rows.collect_schema().names()
    said = [name for name in names if name not in {*first, *origin}]
    read = [name for name in origin if name in names and name not in first]
    return rows.sort([*first, *said, *read], nulls_last=True)


def _as(schema: pl.Schema, part: pl.LazyFrame) -> pl.LazyFrame:
    own = part.collect_schema()
    if own == schema:
        return part
    return part.select(
        pl.col(name).cast(dtype, strict=False)
        if name in own and (own[name] == pl.Binary) == (dtype == pl.Binary)
        else pl.lit(None, dtype).alias(name)
        for name, dtype in schema.items()
    )
