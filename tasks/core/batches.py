"""Batch dates of one table, one below the other."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def stack(parts: Sequence[pl.LazyFrame]) -> pl.LazyFrame:
    """Put the batch dates of a table together, in the columns that the newest of them has.

    A source's columns change with time. Of earlier dates, a column that there was not yet is
    missing, one that is gone is left out, and one of another type is read as the newest's type
    where its values can be.

    Args:
        parts: at least one, the newest last.
    """
    schema = parts[-1].collect_schema()
    return pl.concat([_as(schema, part) for part in parts])


def _as(schema: pl.Schema, part: pl.LazyFrame) -> pl.LazyFrame:
    own = part.collect_schema()
    if own == schema:
        return part
    return part.select(
        (pl.col(name).cast(dtype, strict=False) if name in own else pl.lit(None, dtype)).alias(name)
        for name, dtype in schema.items()
    )
