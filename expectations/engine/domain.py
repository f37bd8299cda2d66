"""The domain of a metric: its batch's columns, its arguments and the rows that count."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import polars as pl
from great_expectations.exceptions.exceptions import InvalidMetricAccessorDomainKwargsKeyError

from expectations.engine.conditions import rows_in


class Domain:
    """What a metric sees of a batch.

    Args:
        frame: the batch.
        schema: its columns.
        kwargs: the domain arguments of the metric: columns, row condition, ignore_row_if.
        values: the other arguments of the metric.
        nan_is_null: floating NaN counts as missing.
    """

    def __init__(
        self,
        frame: pl.LazyFrame,
        schema: pl.Schema,
        kwargs: Mapping[str, Any],
        values: Mapping[str, Any],
        *,
        nan_is_null: bool = True,
    ) -> None:
        self.frame = frame
        self.schema = schema
        self.kwargs = kwargs
        self.values = values
        self.nan_is_null = nan_is_null

    @cached_property
    def rows(self) -> pl.Expr | None:
        """The rows that count, None for all of them."""
        return rows_in(self)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns that the expectation is about, in its order."""
        if self.kwargs.get("column"):
            return (self.kwargs["column"],)
        if self.kwargs.get("column_list"):
            return tuple(self.kwargs["column_list"])
        return (self.kwargs["column_A"], self.kwargs["column_B"])

    def dtype(self, name: str | None = None) -> pl.DataType:
        """The type of a column as `column` gives it: categories are strings.

        Args:
            name: the column, by default the one that the expectation is about.

        Raises:
            InvalidMetricAccessorDomainKwargsKeyError: there is no such column.
        """
        wanted = name if name is not None else self.kwargs["column"]
        if wanted not in self.schema:
            raise InvalidMetricAccessorDomainKwargsKeyError(
                message=f'Error: The column "{wanted}" in BatchData does not exist.'
            )
        dtype = self.schema[wanted]
        return pl.String() if isinstance(dtype, pl.Categorical | pl.Enum) else dtype

    def column(self, name: str | None = None) -> pl.Expr:
        """The column over all rows, whether they count or not.

        Args:
            name: the column, by default the one that the expectation is about.

        Raises:
            InvalidMetricAccessorDomainKwargsKeyError: there is no such column.
        """
        wanted = name if name is not None else self.kwargs["column"]
        dtype, column = self.dtype(wanted), pl.col(wanted)
        if dtype.is_float() and self.nan_is_null:
            return column.fill_nan(None)
        return column if dtype == self.schema[wanted] else column.cast(pl.String)

    def within(self, expr: pl.Expr) -> pl.Expr:
        """Keep the values of the rows that count."""
        return expr if self.rows is None else expr.filter(self.rows)

    def values_of(self, name: str | None = None) -> pl.Expr:
        """The column over the rows that count: what aggregates read."""
        return self.within(self.column(name))

    def records(self) -> pl.LazyFrame:
        """The rows that count, with every column."""
        return self.frame if self.rows is None else self.frame.filter(self.rows)
