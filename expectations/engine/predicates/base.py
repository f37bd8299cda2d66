"""The shape of a predicate, the table of all of them, and the rows that fail one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
from great_expectations.expectations import registry

from expectations.engine.domain import Domain
from expectations.engine.errors import PatternError, UnsupportedExpectationError


@dataclass(frozen=True, slots=True)
class Predicate:
    """What a good row is.

    Attributes:
        build: makes the boolean expression, true for a good row; a null counts as a bad row.
        narrow: the expression hashes, orders or calls Python, so it is computed apart.
        judges_nulls: the rule is about missing values; other rules skip them.
    """

    build: Callable[[Domain], pl.Expr]
    narrow: bool
    judges_nulls: bool


PREDICATES: dict[str, Predicate] = {}


def predicate(
    name: str, *, narrow: bool = False, judges_nulls: bool = False
) -> Callable[[Callable[[Domain], pl.Expr]], Callable[[Domain], pl.Expr]]:
    """Enter a function into the table of predicates.

    Args:
        name: the map metric of Great Expectations.
        narrow: see `Predicate`.
        judges_nulls: see `Predicate`.
    """

    def enter(build: Callable[[Domain], pl.Expr]) -> Callable[[Domain], pl.Expr]:
        PREDICATES[name] = Predicate(build, narrow, judges_nulls)
        return build

    return enter


def unexpected(name: str, domain: Domain) -> pl.Expr:
    """Build the expression that is true for the rows that break a rule, and never null.

    Args:
        name: the map metric.
        domain: the columns, arguments and rows that the rule is about.

    Raises:
        UnsupportedExpectationError: the rule needs a construct that Polars lacks.
    """
    rule = PREDICATES[name]
    try:
        good = rule.build(domain)
    except PatternError as error:
        raise UnsupportedExpectationError(_expectation_of(name), str(error)) from error
    broken = (~good).fill_null(True)
    if domain.kwargs.get("column") and not rule.judges_nulls:
        broken &= domain.column().is_not_null()
    return broken if domain.rows is None else broken & domain.rows


def _expectation_of(name: str) -> str:
    for kind in registry.list_registered_expectation_implementations():
        if getattr(registry.get_expectation_impl(kind), "map_metric", None) == name:
            return kind
    return name
