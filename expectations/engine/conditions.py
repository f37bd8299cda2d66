"""Row conditions as boolean expressions: which rows an expectation is about."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING, Any

import polars as pl
from great_expectations.expectations.row_conditions import (
    AndCondition,
    ComparisonCondition,
    NullityCondition,
    Operator,
    OrCondition,
    PassThroughCondition,
    deserialize_row_condition,
)

from expectations.engine.literals import comparable, members

if TYPE_CHECKING:
    from expectations.engine.domain import Domain

_ORDERINGS: dict[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQUAL: operator.eq,
    Operator.NOT_EQUAL: operator.ne,
    Operator.LESS_THAN: operator.lt,
    Operator.LESS_THAN_OR_EQUAL: operator.le,
    Operator.GREATER_THAN: operator.gt,
    Operator.GREATER_THAN_OR_EQUAL: operator.ge,
}


def rows_in(domain: Domain) -> pl.Expr | None:
    """Build the filter of a domain from `row_condition` and `ignore_row_if`.

    Args:
        domain: what the expectation is about.

    Returns:
        A boolean expression without nulls, or None where every row counts. A condition that is
        null for a row leaves the row out, as in SQL.

    Raises:
        ValueError: `ignore_row_if` is none of the known words.
        TypeError: the condition compares a column with a value of another kind.
    """
    parts = [_condition(domain), _present(domain)]
    wanted = [part for part in parts if part is not None]
    return reduce(operator.and_, wanted).fill_null(False) if wanted else None


def _condition(domain: Domain) -> pl.Expr | None:
    condition = deserialize_row_condition(domain.kwargs.get("row_condition"))
    if isinstance(condition, PassThroughCondition):
        condition = condition.pass_through_filter
    if isinstance(condition, str):
        return pl.sql_expr(condition)
    return None if condition is None else translate(condition, domain)


def translate(condition: Any, domain: Domain) -> pl.Expr:
    """Build the expression of one condition; null where it compares a missing value.

    Args:
        condition: a comparison, a test for nulls, or several joined by and, or.
        domain: the columns.

    Raises:
        TypeError: the condition is of no known kind, or compares unlike values.
    """
    if isinstance(condition, AndCondition | OrCondition):
        join = operator.and_ if isinstance(condition, AndCondition) else operator.or_
        return reduce(join, (translate(part, domain) for part in condition.conditions))
    if isinstance(condition, NullityCondition):
        column = domain.column(condition.column.name)
        return column.is_null() if condition.is_null else column.is_not_null()
    if isinstance(condition, ComparisonCondition):
        return _compare(condition, domain)
    raise TypeError(f"A row condition of type {type(condition).__name__} is not known.")


def _compare(condition: ComparisonCondition, domain: Domain) -> pl.Expr:
    name, relation = condition.column.name, Operator(condition.operator)
    column, dtype = domain.column(name), domain.dtype(name)
    if relation in (Operator.IN, Operator.NOT_IN):
        held = column.is_in(members(condition.parameter, dtype).implode())
        return held if relation == Operator.IN else ~held
    return _ORDERINGS[relation](column, comparable(condition.parameter, dtype))  # type: ignore[no-any-return]


_IGNORED_WHERE_ALL_MISS = {"both_values_are_missing", "all_values_are_missing"}
_IGNORED_WHERE_ANY_MISSES = {"either_value_is_missing", "any_value_is_missing"}
_NEVER_IGNORED = {None, "neither", "never"}


def _present(domain: Domain) -> pl.Expr | None:
    ignore = domain.kwargs.get("ignore_row_if")
    if ignore in _NEVER_IGNORED:
        return None
    missing = [domain.column(name).is_null() for name in domain.column_names]
    if ignore in _IGNORED_WHERE_ALL_MISS:
        return ~pl.all_horizontal(missing)
    if ignore in _IGNORED_WHERE_ANY_MISSES:
        return ~pl.any_horizontal(missing)
    raise ValueError(f'Unrecognized value of ignore_row_if ("{ignore}").')
