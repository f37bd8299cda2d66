"""What a metric hands the resolver: work that is described, not yet done."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import polars as pl


def unchanged(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Reduction:
    """One value computed from all rows.

    Attributes:
        expr: an expression of length one.
        finish: turns the Python value of `expr` into the value of the metric.
        narrow: the expression cannot be reduced as rows stream by (sorting, hashing), so it gets
            a query of its own that holds no column but its own.
        key: reductions with the same key are computed once; None is never shared.
    """

    expr: pl.Expr
    finish: Callable[[Any], Any] = unchanged
    narrow: bool = False
    key: Hashable = None


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows that break a rule, read only where `count` is above zero.

    Attributes:
        broken: true for the rows wanted.
        count: how many there are.
        columns: the columns wanted, all of them for None.
        limit: the number of rows wanted, all of them for None.
        finish: turns the frame of rows into the value of the metric.
    """

    broken: pl.Expr
    count: Reduction
    columns: tuple[str, ...] | None
    limit: int | None
    finish: Callable[[pl.DataFrame], Any]


@dataclass(frozen=True, slots=True)
class Query:
    """A frame of its own, such as the result of a SQL query."""

    frame: pl.LazyFrame
    finish: Callable[[pl.DataFrame], Any]


Plan = Reduction | Sample | Query
