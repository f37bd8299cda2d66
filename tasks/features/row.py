"""Features of the row itself: columns, expressions, pairs, calendar, text, categories, bins."""

from __future__ import annotations

import math
from collections.abc import Iterator

import polars as pl

from tasks.features.row_config import (
    BinsFamily,
    CalendarFamily,
    CategoriesFamily,
    ColumnsFamily,
    ExpressionsFamily,
    PairsFamily,
    TextFamily,
)

_LENGTHS = {"hour": 24, "weekday": 7, "day": 31, "month": 12}


def columns(family: ColumnsFamily) -> Iterator[pl.Expr]:
    """Columns as they are, in signed logarithms, or only whether they are missing."""
    for column in family.columns:
        yield pl.col(column)
    for column in family.log:
        value = pl.col(column).cast(pl.Float64)
        yield (value.sign() * value.abs().log1p()).alias(f"log_{column}")
    for column in family.missing:
        yield pl.col(column).is_null().alias(f"{column}_missing")


def expressions(family: ExpressionsFamily) -> Iterator[pl.Expr]:
    """SQL over the row."""
    for name, expression in family.expressions.items():
        yield pl.sql_expr(expression).alias(name)


def pairs(family: PairsFamily) -> Iterator[pl.Expr]:
    """Ratios, missing where the divisor is zero, and differences."""
    for first, second in family.ratios:
        divisor = pl.col(second).cast(pl.Float64)
        ratio = pl.col(first) / pl.when(divisor != 0).then(divisor)
        yield ratio.alias(f"{first}_per_{second}")
    for first, second in family.differences:
        difference = pl.col(first).cast(pl.Float64) - pl.col(second).cast(pl.Float64)
        yield difference.alias(f"{first}_minus_{second}")


def calendar(family: CalendarFamily, time: str) -> Iterator[pl.Expr]:
    """Parts of a time as numbers, and as points on a circle."""
    column = family.column or time
    prefix = f"{column}." if family.column else ""
    for part in family.parts:
        yield _part(column, part).alias(f"{prefix}{part}")
    for part in family.cyclic:
        angle = _part(column, part) * (2 * math.pi / _LENGTHS[part])
        yield angle.sin().alias(f"{prefix}{part}_sin")
        yield angle.cos().alias(f"{prefix}{part}_cos")


def _part(column: str, part: str) -> pl.Expr:
    time = pl.col(column).dt
    parts = {
        "hour": time.hour(),
        "minute_of_day": time.hour().cast(pl.Int32) * 60 + time.minute(),
        "weekday": time.weekday(),
        "day": time.day(),
        "month": time.month(),
        "weekend": time.weekday() >= 6,
    }
    return parts[part]


def text(family: TextFamily) -> Iterator[pl.Expr]:
    """Lengths of texts, and the shares of their characters; missing where the text is empty."""
    for column in family.columns:
        characters = pl.col(column).str
        length = characters.len_chars()
        some = pl.when(length > 0).then(length)
        measures = {
            "length": length,
            "words": characters.count_matches(r"\S+"),
            "digit_share": characters.count_matches(r"\d") / some,
            "upper_share": characters.count_matches(r"\p{Lu}") / some,
            "letter_share": characters.count_matches(r"\p{L}") / some,
        }
        for measure in family.measures:
            yield measures[measure].alias(f"{column}.{measure}")


def categories(family: CategoriesFamily) -> Iterator[pl.Expr]:
    """Declared values, compared as text, so that a type's change of width changes nothing."""
    for column, values in family.one_hot.items():
        for value in values:
            yield (_as_text(column) == as_text(value)).alias(f"{column}={as_text(value)}")
    for column, values in family.ordinal.items():
        position = {as_text(value): index for index, value in enumerate(values)}
        ordinal = _as_text(column).replace_strict(position, default=None, return_dtype=pl.Float32)
        yield ordinal.alias(f"{column}.ordinal")


def bins(family: BinsFamily) -> Iterator[pl.Expr]:
    """How many edges a number is not below; missing where it is."""
    for column, edges in family.edges.items():
        passed = pl.sum_horizontal([(pl.col(column) >= edge).cast(pl.Int32) for edge in edges])
        yield pl.when(pl.col(column).is_not_null()).then(passed).alias(f"{column}.bin")


def _as_text(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String)


def as_text(value: str | int | bool) -> str:
    """A declared value as Polars would write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
