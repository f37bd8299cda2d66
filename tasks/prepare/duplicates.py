"""Of the ordered rows of many batch dates, those that repeat another one.

Within a batch date the first or the last of equal rows stays. Between dates the earlier one always
stays: it had been scored when the later one came. How far back a date looks is fixed, so that what
becomes of its rows depends on the dates of that reach alone, whatever else is loaded.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Literal

import polars as pl

from tasks.core.batches import BATCH_DATE
from tasks.core.event import EventConfig
from tasks.core.quarantine import LINE, SOURCE
from tasks.prepare.config import DuplicatesConfig, PrepareConfig

REPEATED_KEY = "duplicate key"
REPEATED_ROW = "duplicate"
_PLACE, _BEFORE = "_place", "_before"


def repeated(rows: pl.DataFrame, event: EventConfig, config: PrepareConfig) -> pl.Series:
    """Why a row of an ordered table is dropped as a repetition; null where it is not.

    Args:
        rows: in order; the columns that are compared, the key and `batch_date` at least.
        event: what an event is.
        config: which rows repeat another, and how many dates back.

    Returns:
        A string column: `duplicate key`, `duplicate` or null.
    """
    within, duplicates = config.reach_of_keys, config.duplicates
    keep = duplicates.keep if duplicates else "first"
    reason = pl.when(_repeats(rows, event.key, keep, within)).then(pl.lit(REPEATED_KEY))
    if duplicates is not None:
        names = compared(rows.columns, duplicates)
        again = pl.when(_repeats(rows, names, keep, within)).then(pl.lit(REPEATED_ROW))
        return pl.select(pl.coalesce(reason, again)).to_series()
    return pl.select(reason.otherwise(pl.lit(None, pl.String))).to_series()


def compared(names: Sequence[str], config: DuplicatesConfig) -> Sequence[str]:
    """The columns of a table in which two rows have to agree."""
    if config.columns is not None:
        return config.columns
    aside = {*config.exclude, BATCH_DATE}
    # Where a row was read from is no part of what it says.
    return [c for c in names if c not in aside and c not in {SOURCE, LINE}]


def _repeats(
    rows: pl.DataFrame, columns: Sequence[str], keep: Literal["first", "last"], within: dt.timedelta
) -> pl.Series:
    again = pl.Series(_PLACE, [False]).new_from_index(0, rows.height)
    equal = _as_one(columns)
    suspects = rows.with_row_index(_PLACE).filter(equal.is_duplicated())
    if not suspects.height:
        return again
    of_date = pl.struct(BATCH_DATE, *columns)
    stays = of_date.is_first_distinct() if keep == "first" else of_date.is_last_distinct()
    before = pl.col(BATCH_DATE).shift(1).over(columns, order_by=BATCH_DATE)
    seen = suspects.select(*columns, BATCH_DATE).unique().with_columns(before.alias(_BEFORE))
    judged = suspects.with_columns((~stays).alias("_again")).join(
        seen, on=[*columns, BATCH_DATE], how="left", nulls_equal=True, maintain_order="left"
    )
    near = (pl.col(BATCH_DATE) - pl.col(_BEFORE)) <= within
    places = judged.filter(pl.col("_again") | near.fill_null(False))[_PLACE]
    return again.scatter(places, True)


def _as_one(columns: Sequence[str]) -> pl.Expr:
    return pl.col(columns[0]) if len(columns) == 1 else pl.struct(columns)
