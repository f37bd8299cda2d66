"""Rules about how large a value, or its text, is."""

from __future__ import annotations

import operator
from typing import Any

import polars as pl

from expectations.engine.domain import Domain
from expectations.engine.literals import comparable
from expectations.engine.predicates.base import predicate
from expectations.engine.predicates.text import as_text


@predicate("column_values.between")
def is_between(domain: Domain) -> pl.Expr:
    return _between(domain.column(), domain.dtype(), domain.values)


@predicate("column_values.value_length.between")
def is_length_between(domain: Domain) -> pl.Expr:
    return _between(as_text(domain).str.len_chars(), pl.UInt32(), domain.values)


@predicate("column_values.value_length.equals")
def is_length(domain: Domain) -> pl.Expr:
    return as_text(domain).str.len_chars().eq(domain.values["value"])


def _between(values: pl.Expr, dtype: pl.DataType, bounds: Any) -> pl.Expr:
    low, high = bounds.get("min_value"), bounds.get("max_value")
    if low is None and high is None:
        raise ValueError("min_value and max_value cannot both be None")
    if low is not None and high is not None and low > high:
        raise ValueError("min_value cannot be greater than max_value")
    sides = []
    if low is not None:
        above = operator.gt if bounds.get("strict_min") else operator.ge
        sides.append(above(values, comparable(low, dtype)))
    if high is not None:
        below = operator.lt if bounds.get("strict_max") else operator.le
        sides.append(below(values, comparable(high, dtype)))
    return pl.all_horizontal(sides)
