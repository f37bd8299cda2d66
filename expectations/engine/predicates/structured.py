"""Rules about text that holds something else: dates and JSON.

These ask Python's own parsers, once for each distinct value.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import polars as pl
from dateutil.parser import parse  # type: ignore[import-untyped]

from expectations.engine.domain import Domain
from expectations.engine.predicates.base import predicate


def _holds(column: pl.Expr, accepts: Callable[[str], bool]) -> pl.Expr:
    """True where `accepts` says so; it is asked once for each distinct value of a chunk."""

    def judge(values: pl.Series) -> pl.Series:
        distinct = values.drop_nulls().unique().to_list()
        verdicts = [accepts(value) for value in distinct]
        return values.replace_strict(distinct, verdicts, default=None, return_dtype=pl.Boolean)

    return column.map_batches(judge, return_dtype=pl.Boolean, is_elementwise=True)


def _accepts(read: Callable[[str], Any], *refusals: type[Exception]) -> Callable[[str], bool]:
    def accepts(text: str) -> bool:
        try:
            read(text)
        except refusals:
            return False
        return True

    return accepts


def _strings(domain: Domain) -> pl.Expr:
    if not isinstance(domain.dtype(), pl.String | pl.Null):
        raise TypeError(
            f"Values to be parsed must be strings, found {domain.dtype()}; validate them before "
            "they are converted."
        )
    return domain.column().cast(pl.String)


@predicate("column_values.dateutil_parseable", narrow=True)
def is_dateutil_parseable(domain: Domain) -> pl.Expr:
    return _holds(_strings(domain), _accepts(parse, ValueError, OverflowError))


@predicate("column_values.match_strftime_format", narrow=True)
def matches_strftime(domain: Domain) -> pl.Expr:
    layout = domain.values["strftime_format"]
    read = _accepts(lambda text: dt.datetime.strptime(text, layout), ValueError)
    return _holds(_strings(domain), read)


@predicate("column_values.json_parseable", narrow=True)
def is_json(domain: Domain) -> pl.Expr:
    if not isinstance(domain.dtype(), pl.String | pl.Null):
        return pl.lit(False)
    return _holds(_strings(domain), _accepts(json.loads, ValueError, RecursionError))


@predicate("column_values.match_json_schema", narrow=True)
def matches_json_schema(domain: Domain) -> pl.Expr:
    schema = domain.values["json_schema"]
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    check = validator(schema).validate
    read = _accepts(
        lambda text: check(json.loads(text)), ValueError, RecursionError, jsonschema.ValidationError
    )
    return _holds(_strings(domain), read)
