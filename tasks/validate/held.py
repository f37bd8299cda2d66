"""What is held back, counted and found again."""

from __future__ import annotations

import polars as pl


def count_by_reason(held: pl.LazyFrame) -> pl.DataFrame:
    """Count held rows by stage, table and reason; a row with two reasons counts for each.

    Args:
        held: rows by `tasks.core.quarantine.SCHEMA`.

    Returns:
        Columns stage, table, reason, rows; the most frequent first, ties by name.
    """
    return (
        held.explode("reasons")
        .group_by("stage", "table", reason="reasons")
        .agg(rows=pl.len().cast(pl.Int64))
        .sort("rows", "stage", "table", "reason", descending=[True, False, False, False])
        .collect()
    )


def find(
    held: pl.LazyFrame,
    stage: str | None = None,
    table: str | None = None,
    reason: str | None = None,
) -> pl.LazyFrame:
    """The held rows of a stage, of a table, with a reason; None asks for all."""
    wanted = {"stage": stage, "table": table}
    conditions = [pl.col(name) == value for name, value in wanted.items() if value is not None]
    if reason is not None:
        conditions.append(pl.col("reasons").list.contains(reason))
    return held.filter(conditions) if conditions else held
