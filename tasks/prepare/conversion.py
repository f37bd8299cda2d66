"""Columns read as another type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from tasks.core.column_types import SIMPLE_TYPES
from tasks.core.treatments import Conversion
from tasks.prepare.columns import Effect, Held, Kind, Schema, Type, choose
from tasks.prepare.rules import TypeRule

_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")


def learn_types(schema: Schema, rules: Mapping[str, TypeRule], held: Held) -> Iterator[Conversion]:
    """The conversions the rules ask for; there is nothing to learn."""
    every: dict[Kind, TypeRule | None] = {
        "numeric": None,
        "text": None,
        "boolean": None,
        "date": None,
    }
    asked: Mapping[str, TypeRule | None] = rules
    chosen = choose(schema, every, asked, held, "prepare.types", lambda rule: rule is not None)
    for column, rule in chosen:
        if rule is not None:
            yield Conversion(column, rule.type, rule.format)


def convert(treatment: Conversion, dtype: Type) -> Effect:
    """Read a column as another type; a value that does not fit becomes missing.

    A fraction does not fit a whole number; text is read without the spaces around it.
    """
    before = pl.col(treatment.column)
    after = _read(before, dtype, SIMPLE_TYPES[treatment.dtype], treatment.format)
    unread = before.is_not_null() & after.is_null()
    return Effect((after.alias(treatment.column),), unread)


def _read(values: pl.Expr, dtype: Type, wanted: Type, written: str) -> pl.Expr:
    if dtype == wanted:
        return values
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return _from_text(values.cast(pl.String).str.strip_chars(), wanted, written)
    if wanted == pl.String and dtype in (pl.Date, pl.Datetime):
        return values.dt.to_string(written or "iso")
    if wanted.is_integer() and (dtype.is_float() or dtype.is_decimal()):
        floats = values.cast(pl.Float64)
        return pl.when(floats == floats.round()).then(floats).cast(wanted, strict=False)
    if wanted == pl.Boolean and dtype.is_numeric():
        return pl.when(values == 1).then(True).when(values == 0).then(False)
    return values.cast(wanted, strict=False)


def _from_text(text: pl.Expr, wanted: Type, written: str) -> pl.Expr:
    if wanted == pl.Boolean:
        lower = text.str.to_lowercase()
        return pl.when(lower.is_in(_TRUE)).then(True).when(lower.is_in(_FALSE)).then(False)
    if wanted == pl.Date:
        return text.str.to_date(written or "%Y-%m-%d", strict=False)
    if wanted == pl.Datetime:
        if written:
            return text.str.to_datetime(written, time_unit="us", strict=False)
        iso = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
        tried = [text.str.to_datetime(each, time_unit="us", strict=False) for each in iso]
        return pl.coalesce(*tried, text.str.to_date("%Y-%m-%d", strict=False).cast(wanted))
    return text.cast(wanted, strict=False)
