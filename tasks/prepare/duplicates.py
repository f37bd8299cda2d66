"""Of the ordered rows of many batch dates, those that repeat an earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import polars as pl

from tasks.core.batches import BATCH_DATE
from tasks.core.event import EventConfig
from tasks.core.quarantine import LINE, SOURCE
from tasks.prepare.config import DuplicatesConfig

REPEATED_KEY = "duplicate key"
REPEATED_ROW = "duplicate"


def repeated(rows: pl.LazyFrame, event: EventConfig, config: DuplicatesConfig | None) -> pl.Expr:
    """Why a row of an ordered table is dropped as a repetition; null where it is not.

    Returns:
        A string column: `duplicate key`, `duplicate` or null.
    """
    if config is None:
        return pl.when(_repeats(event.key, "first")).then(pl.lit(REPEATED_KEY))
    again = pl.when(_repeats(event.key, config.keep)).then(pl.lit(REPEATED_KEY))
    return again.when(_repeats(_compared(rows, config), config.keep)).then(pl.lit(REPEATED_ROW))


def _compared(rows: pl.LazyFrame, config: DuplicatesConfig) -> Sequence[str]:
    if config.columns is not None:
        return config.columns
    aside = {*config.exclude, BATCH_DATE}
    names = rows.collect_schema().names()
    # Where a row was read from is no part of what it says.
    return [c for c in names if c not in aside and c not in {SOURCE, LINE}]


def _repeats(columns: Sequence[str], keep: Literal["first", "last"]) -> pl.Expr:
    if keep == "first":
        return ~pl.struct(columns).is_first_distinct()
    # The last of its date; but what a later date brings repeats what was scored before it came.
    last = pl.struct(BATCH_DATE, *columns).is_last_distinct()
    return ~last | (pl.col(BATCH_DATE) > pl.col(BATCH_DATE).min().over(columns))
