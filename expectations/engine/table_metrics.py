"""Metrics of a batch as a whole: its columns, their types, its rows."""

from __future__ import annotations

from typing import Any

import polars as pl

from expectations.engine.domain import Domain
from expectations.engine.errors import UnsupportedExpectationError
from expectations.engine.plan import Query, Reduction
from expectations.engine.registration import provides


@provides("table.columns")
def column_names(domain: Domain) -> list[str]:
    """The names of the columns, in order."""
    return list(domain.schema)


@provides("table.column_count")
def column_count(domain: Domain) -> int:
    """How many columns there are."""
    return len(domain.schema)


@provides("table.column_types")
def column_types(domain: Domain) -> list[dict[str, Any]]:
    """The name and the Polars type of each column."""
    return [{"name": name, "type": dtype} for name, dtype in domain.schema.items()]


@provides("table.row_count")
def row_count(domain: Domain) -> Reduction:
    """How many rows count.

    Raises:
        UnsupportedExpectationError: the rows of another table are asked for.
    """
    if domain.kwargs.get("table"):
        raise UnsupportedExpectationError(
            "expect_table_row_count_to_equal_other_table",
            f"a Polars batch is one frame, it has no other table {domain.kwargs['table']!r}.",
        )
    return Reduction(pl.len() if domain.rows is None else domain.rows.sum(), int)


@provides("table.head")
def head(domain: Domain) -> Query:
    """The first rows, as a pandas frame."""
    records = domain.records()
    if not domain.values.get("fetch_all"):
        n_rows = domain.values.get("n_rows")
        records = records.slice(0, None) if n_rows is None else _first(records, int(n_rows))
    return Query(records, lambda rows: rows.to_pandas())


def _first(records: pl.LazyFrame, n_rows: int) -> pl.LazyFrame:
    """The first rows; a negative number leaves that many out at the end, as pandas does."""
    if n_rows >= 0:
        return records.head(n_rows)
    position = pl.int_range(pl.len())
    return records.filter(position < pl.len() + n_rows)
