"""Order the rows of many batch dates, and drop those that repeat an earlier one."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tasks.core.event import EventConfig
from tasks.core.quarantine import LINE, SOURCE
from tasks.prepare.config import DuplicatesConfig

BATCH_DATE = "batch_date"
REPEATED_KEY = "duplicate key"
REPEATED_ROW = "duplicate"


def in_order(rows: pl.LazyFrame, event: EventConfig) -> pl.LazyFrame:
    """Sort by event time, key and batch date: an order that the input's order has no part in."""
    time = [event.time] if event.time else []
    rest = [c for c in rows.collect_schema().names() if c not in {*time, *event.key, BATCH_DATE}]
    return rows.sort([*time, *event.key, BATCH_DATE, *rest], nulls_last=True)


def repeated(rows: pl.LazyFrame, event: EventConfig, config: DuplicatesConfig | None) -> pl.Expr:
    """Why a row of an ordered table is dropped as a repetition; null where it is not.

    Returns:
        A string column: `duplicate key`, `duplicate` or null.
    """
    again = pl.when(_seen(event.key)).then(pl.lit(REPEATED_KEY))
    if config is None:
        return again.otherwise(None)
    return again.when(_seen(_compared(rows, config))).then(pl.lit(REPEATED_ROW)).otherwise(None)


def _compared(rows: pl.LazyFrame, config: DuplicatesConfig) -> Sequence[str]:
    if config.columns is not None:
        return config.columns
    aside = {*config.exclude, BATCH_DATE}
    names = rows.collect_schema().names()
    # Where a row was read from is no part of what it says.
    return [c for c in names if c not in aside and c not in {SOURCE, LINE}]


def _seen(columns: Sequence[str]) -> pl.Expr:
    return ~pl.struct(columns).is_first_distinct()
