"""Rules about several columns of the same row."""

from __future__ import annotations

import operator
from itertools import combinations
from typing import Any

import polars as pl

from expectations.engine.domain import Domain
from expectations.engine.literals import as_held
from expectations.engine.predicates.base import predicate


def _kind(dtype: pl.DataType) -> str:
    if dtype.is_numeric() or isinstance(dtype, pl.Boolean):
        return "number"
    if isinstance(dtype, pl.Date | pl.Datetime):
        return "date"
    return str(dtype.base_type())


def _same(domain: Domain, one: str, other: str) -> pl.Expr:
    """True where both columns hold the same value; two missing values are the same."""
    a, b = domain.column(one), domain.column(other)
    if _kind(domain.dtype(one)) != _kind(domain.dtype(other)):
        return a.is_null() & b.is_null()
    return _as_number(a, domain.dtype(one)).eq_missing(_as_number(b, domain.dtype(other)))


def _as_number(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    return column.cast(pl.Int8) if isinstance(dtype, pl.Boolean) else column


@predicate("column_pair_values.equal")
def is_pair_equal(domain: Domain) -> pl.Expr:
    one, other = domain.column_names
    return _same(domain, one, other) & domain.column(one).is_not_null()


@predicate("column_pair_values.a_greater_than_b")
def is_a_greater(domain: Domain) -> pl.Expr:
    one, other = domain.column_names
    relation = operator.ge if domain.values.get("or_equal") else operator.gt
    return relation(domain.column(one), domain.column(other))  # type: ignore[no-any-return]


@predicate("column_pair_values.in_set")
def is_pair_in_set(domain: Domain) -> pl.Expr:
    one, other = domain.column_names
    pairs = domain.values.get("value_pairs_set")
    if pairs is None:
        return pl.lit(True)
    return pl.any_horizontal(
        [pl.lit(False)] + [_holds(domain, one, a) & _holds(domain, other, b) for a, b in pairs]
    )


def _holds(domain: Domain, name: str, value: Any) -> pl.Expr:
    if value is None:
        return domain.column(name).is_null()
    held = as_held(value, domain.dtype(name))
    if held is None:
        return pl.lit(False)
    return domain.column(name).eq_missing(pl.lit(held))


@predicate("multicolumn_sum.equal")
def is_sum(domain: Domain) -> pl.Expr:
    addends = [domain.column(name) for name in domain.column_names]
    return pl.sum_horizontal(addends, ignore_nulls=False).eq(domain.values["sum_total"])


@predicate("multicolumn_values.equal")
def is_equal_across(domain: Domain) -> pl.Expr:
    first, *others = domain.column_names
    return pl.all_horizontal([pl.lit(True)] + [_same(domain, first, name) for name in others])


@predicate("select_column_values.unique.within_record")
def is_unique_across(domain: Domain) -> pl.Expr:
    pairs = combinations(domain.column_names, 2)
    return ~pl.any_horizontal([pl.lit(False)] + [_same(domain, a, b) for a, b in pairs])
