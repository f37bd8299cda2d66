"""Rules about text: regular expressions and SQL LIKE patterns."""

from __future__ import annotations

import operator
from functools import reduce

import polars as pl

from expectations.engine.domain import Domain
from expectations.engine.predicates.base import predicate
from expectations.engine.predicates.patterns import like_to_regex, rust_regex


def as_text(domain: Domain) -> pl.Expr:
    """The column as text, written the way Python writes its values."""
    column, dtype = domain.column(), domain.dtype()
    if isinstance(dtype, pl.Boolean):
        return pl.when(column).then(pl.lit("True")).when(~column).then(pl.lit("False"))
    if isinstance(dtype, pl.Datetime):
        return column.dt.to_string("%Y-%m-%d %H:%M:%S%.f")
    return column if isinstance(dtype, pl.String) else column.cast(pl.String)


def found(domain: Domain, argument: str) -> pl.Expr:
    """True where the regular expression of the named argument is found in the text."""
    return as_text(domain).str.contains(rust_regex(domain.values[argument]))


@predicate("column_values.match_regex")
def matches_regex(domain: Domain) -> pl.Expr:
    return found(domain, "regex")


@predicate("column_values.not_match_regex")
def matches_no_regex(domain: Domain) -> pl.Expr:
    return ~found(domain, "regex")


def _matches(domain: Domain, regexes: list[str]) -> list[pl.Expr]:
    text = as_text(domain)
    return [text.str.contains(regex) for regex in regexes]


def _matches_enough(domain: Domain, regexes: list[str]) -> pl.Expr:
    match_on = domain.values.get("match_on") or "any"
    if match_on not in ("any", "all"):
        raise ValueError("match_on must be either 'any' or 'all'")
    join = operator.or_ if match_on == "any" else operator.and_
    return reduce(join, _matches(domain, regexes))


def _matches_none(domain: Domain, regexes: list[str]) -> pl.Expr:
    return ~reduce(operator.or_, _matches(domain, regexes))


@predicate("column_values.match_regex_list")
def matches_regexes(domain: Domain) -> pl.Expr:
    return _matches_enough(domain, [rust_regex(r) for r in domain.values["regex_list"]])


@predicate("column_values.not_match_regex_list")
def matches_none_of_regexes(domain: Domain) -> pl.Expr:
    return _matches_none(domain, [rust_regex(r) for r in domain.values["regex_list"]])


@predicate("column_values.match_like_pattern")
def matches_like(domain: Domain) -> pl.Expr:
    return as_text(domain).str.contains(like_to_regex(domain.values["like_pattern"]))


@predicate("column_values.not_match_like_pattern")
def matches_not_like(domain: Domain) -> pl.Expr:
    return ~as_text(domain).str.contains(like_to_regex(domain.values["like_pattern"]))


def _like_patterns(domain: Domain) -> list[str]:
    patterns = domain.values.get("like_pattern_list")
    if not patterns:
        raise ValueError("At least one like_pattern must be supplied in like_pattern_list.")
    return [like_to_regex(pattern) for pattern in patterns]


@predicate("column_values.match_like_pattern_list")
def matches_likes(domain: Domain) -> pl.Expr:
    return _matches_enough(domain, _like_patterns(domain))


@predicate("column_values.not_match_like_pattern_list")
def matches_none_of_likes(domain: Domain) -> pl.Expr:
    return _matches_none(domain, _like_patterns(domain))
