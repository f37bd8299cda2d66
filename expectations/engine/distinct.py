"""Metrics over the distinct values of a column."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl
from great_expectations.constants import MAX_DISTINCT_VALUES

from expectations.engine.domain import Domain
from expectations.engine.literals import as_held, members
from expectations.engine.plan import Reduction
from expectations.engine.registration import provides


def _present(domain: Domain) -> pl.Expr:
    return domain.values_of().drop_nulls()


def _expected(domain: Domain) -> list[Any]:
    return list(domain.values.get("value_set") or [])


def _limit(domain: Domain) -> int:
    return int(domain.values.get("limit") or MAX_DISTINCT_VALUES)


@provides("column.distinct_values")
def distinct_values(domain: Domain) -> Reduction:
    """The set of values that are present."""
    return Reduction(_present(domain).unique().implode(), set, narrow=True)


@provides("column.distinct_values.count")
def distinct_count(domain: Domain) -> Reduction:
    """How many different values are present."""
    return Reduction(_present(domain).n_unique(), narrow=True)


@provides("column.distinct_values.count.under_threshold")
def is_distinct_count_under_threshold(domain: Domain) -> Reduction:
    """Whether fewer different values are present than the threshold."""
    threshold = domain.values.get("threshold", domain.kwargs.get("threshold"))
    return Reduction(_present(domain).n_unique() < threshold, bool, narrow=True)


@provides("column.most_common_value")
def most_common_values(domain: Domain) -> Reduction:
    """Every value that occurs as often as the most frequent one, in order."""
    return Reduction(_present(domain).mode().sort().implode(), list, narrow=True)


def _strangers(domain: Domain) -> pl.Expr:
    known = members(_expected(domain), domain.dtype())
    present = _present(domain)
    return present.filter(~present.is_in(known.implode())).unique()


@provides("column.distinct_values.not_in_set.count")
def stranger_count(domain: Domain) -> Reduction:
    """How many different values are present and not expected."""
    return Reduction(_strangers(domain).len(), narrow=True)


@provides("column.distinct_values.not_in_set")
def strangers(domain: Domain) -> Reduction:
    """The first values, in order, that are present and not expected."""
    first = _strangers(domain).sort().head(_limit(domain))
    return Reduction(first.implode(), list, narrow=True)


def _absent(domain: Domain) -> Reduction:
    dtype, expected = domain.dtype(), _expected(domain)
    present = _present(domain)
    found = present.filter(present.is_in(members(expected, dtype).implode())).unique()

    def missing(found: Iterable[Any]) -> list[Any]:
        seen = set(found)
        return [value for value in dict.fromkeys(expected) if as_held(value, dtype) not in seen]

    return Reduction(found.implode(), missing, narrow=True)


@provides("column.distinct_values.missing_from_column")
def absent(domain: Domain) -> Reduction:
    """The first expected values that are not present."""
    found, limit = _absent(domain), _limit(domain)
    return Reduction(found.expr, lambda seen: found.finish(seen)[:limit], narrow=True)


@provides("column.distinct_values.missing_from_column.count")
def absent_count(domain: Domain) -> Reduction:
    """How many expected values are not present."""
    found = _absent(domain)
    return Reduction(found.expr, lambda seen: len(found.finish(seen)), narrow=True)


@provides("column.sample_values")
def sample_values(domain: Domain) -> Reduction:
    """The first values, missing ones included."""
    return Reduction(domain.values_of().head(int(domain.values["count"])).implode(), list)
