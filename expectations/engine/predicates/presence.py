"""Rules about a value by itself: present, in a set, unlike every other one."""

from __future__ import annotations

import polars as pl

from expectations.engine.domain import Domain
from expectations.engine.literals import members
from expectations.engine.predicates.base import predicate
from expectations.engine.repeats import is_repeated

_FEW = 8


@predicate("column_values.nonnull", judges_nulls=True)
def is_present(domain: Domain) -> pl.Expr:
    return domain.column().is_not_null()


@predicate("column_values.null", judges_nulls=True)
def is_missing(domain: Domain) -> pl.Expr:
    return domain.column().is_null()


def _is_member(domain: Domain) -> pl.Expr:
    column, dtype = domain.column(), domain.dtype()
    if isinstance(dtype, pl.Float32):
        # 0.1 as a single is not 0.1 as a double, which is what a suite holds
        column, dtype = column.cast(pl.Float64), pl.Float64()
    known = members(domain.values["value_set"], dtype)
    if isinstance(dtype, pl.String) and 0 < len(known) <= _FEW:
        # hashing a string costs more than comparing it a few times
        return pl.any_horizontal([column == value for value in known])
    return column.is_in(known.implode())


@predicate("column_values.in_set")
def is_in_set(domain: Domain) -> pl.Expr:
    if domain.values.get("value_set") is None:
        return pl.lit(True)
    return _is_member(domain)


@predicate("column_values.not_in_set")
def is_not_in_set(domain: Domain) -> pl.Expr:
    if domain.values.get("value_set") is None:
        return pl.lit(True)
    return ~_is_member(domain)


def _is_repeated(domain: Domain) -> pl.Expr:
    """True where another row that counts holds the same values."""
    keys = [domain.column(name).alias(f"key{i}") for i, name in enumerate(domain.column_names)]
    if domain.rows is not None:
        # a window such as len().over(keys) is computed wrongly by the streaming engine where two
        # of them with computed keys share a query, so the domain is one more key
        keys.append(domain.rows.alias("counts"))
    return is_repeated(pl.struct(keys) if len(keys) > 1 else keys[0])


@predicate("column_values.unique", narrow=True)
def is_unique(domain: Domain) -> pl.Expr:
    return ~_is_repeated(domain)


@predicate("compound_columns.unique", narrow=True)
def is_unique_compound(domain: Domain) -> pl.Expr:
    return ~_is_repeated(domain)
