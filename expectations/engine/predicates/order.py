"""Rules about a value and the one before it."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import polars as pl

from expectations.engine.domain import Domain
from expectations.engine.predicates.base import predicate


@predicate("column_values.increasing", narrow=True)
def is_increasing(domain: Domain) -> pl.Expr:
    return _follows(domain, operator.gt if domain.values.get("strictly") else operator.ge)


@predicate("column_values.decreasing", narrow=True)
def is_decreasing(domain: Domain) -> pl.Expr:
    return _follows(domain, operator.lt if domain.values.get("strictly") else operator.le)


def _follows(domain: Domain, relation: Callable[[Any, Any], Any]) -> pl.Expr:
    """Compare each value with the last present one among the rows that count."""
    dtype = domain.dtype()
    if not (dtype.is_numeric() or dtype.is_temporal() or isinstance(dtype, pl.Null)):
        raise TypeError(f"The order of values needs numbers or dates, found {dtype}.")
    column = domain.column()
    counted = column if domain.rows is None else pl.when(domain.rows).then(column)
    before = counted.forward_fill().shift(1)
    return (relation(column, before) | before.is_null()).fill_null(True)  # type: ignore[no-any-return]
