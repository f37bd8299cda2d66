"""Read text into declared types, exactly: what does not say a value of its type is named.

Numbers are decimal digits with an optional sign; a whole number has no leading zero (an identifier
like 007 would lose it), no exponent, no decimal point. Floating numbers are finite and rounded to
the nearest. Booleans are true, false, 1 or 0. Dates and times are ISO 8601 unless a format is
declared. Bytes are base64 (RFC 4648, padded) or hexadecimal, as declared. White space around a
value is never part of it, except in text.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from tasks.core.binary import Bytes, tell
from tasks.ingest.schema import ColumnType
from tasks.ingest.spelling import plain

_SHOWN_CHARACTERS = 80
_LEADING_ZERO = "^[+-]?0[0-9]"
_DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}(?::[0-5][0-9](?:\.[0-9]{1,6}0*)?)?"
_ZONE = "(?:Z|[+-][0-9]{2}:?[0-9]{2})"


@dataclass(frozen=True, slots=True)
class Typed:
    """Rows read into their types.

    Args:
        rows: every row that was given, null where a text does not say a value.
        failed: whether some text of the row does not; None where none fails.
        reasons: for each failing row, in order, why.
    """

    rows: pl.DataFrame
    failed: pl.Series | None
    reasons: list[list[str]]


def read(
    texts: pl.DataFrame,
    columns: Mapping[str, ColumnType],
    nulls: Collection[str] = (),
    keep_empty: bool = False,
) -> Typed:
    """Read columns of text.

    Args:
        texts: one String column for each declared one, and others, which are passed on.
        columns: the declared columns.
        nulls: texts that mean null, beside the empty one.
        keep_empty: whether the empty text stays one in columns of type str.

    Returns:
        The declared columns, typed, then the others.
    """
    meant = texts.with_columns(
        without_nulls(name, nulls, keep_empty and column.type == "str")
        for name, column in columns.items()
    )
    rows = meant.select(
        *(_fast(meant[name], column).alias(name) for name, column in columns.items()),
        *(pl.col(name) for name in texts.columns if name not in columns),
    )
    doubtful = {n: c for n, c in columns.items() if _fails(meant, rows, n)}
    rows = rows.with_columns(_full(meant[n], c).alias(n) for n, c in doubtful.items())
    wrong = {n: c for n, c in doubtful.items() if _fails(meant, rows, n)}
    if not wrong:
        return Typed(rows, None, [])
    failures = pl.DataFrame({n: meant[n].is_not_null() & rows[n].is_null() for n in wrong})
    failed = failures.select(pl.any_horizontal(pl.all())).to_series()
    reasons = [
        [
            f"{name}: {shorten(text)!r} is not {phrase(wrong[name])}"
            for (name, text), is_wrong in zip(row.items(), marks, strict=True)
            if is_wrong
        ]
        for row, marks in zip(
            meant.select(list(wrong)).filter(failed).iter_rows(named=True),
            failures.filter(failed).iter_rows(),
            strict=True,
        )
    ]
    return Typed(rows, failed, reasons)


def read_series(texts: pl.Series, column: ColumnType) -> pl.Series:
    """Read one column of text; null where a text does not say a value."""
    return _full(texts, column)


def shorten(text: str) -> str:
    """A text, cut to what a message can show."""
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def show(value: object) -> str:
    """A value as a message shows it."""
    return shorten(tell(value) if isinstance(value, Bytes) else repr(value))


def phrase(column: ColumnType) -> str:
    """What a value was expected to be."""
    if column.format:
        return f"a {column.type} written {column.format}"
    if column.type == "binary":
        return f"binary in {column.encoding or 'an encoding that the schema declares'}"
    if column.decimal != "." or column.thousands:
        return f"{column.type} written 1{column.thousands or ''}234{column.decimal}5"
    if column.type == "datetime" and not column.timezone:
        return "a datetime without an offset"
    if column.type[0] in "iu" and not column.leading_zeros:
        return f"{column.type} without leading zeros"
    return column.type


def _fails(meant: pl.DataFrame, rows: pl.DataFrame, name: str) -> bool:
    return meant[name].null_count() != rows[name].null_count()


def without_nulls(name: str, nulls: Collection[str], keep_empty: bool = False) -> pl.Expr:
    """A column of text with null for each text that means it."""
    text = pl.col(name)
    none = [*nulls] if keep_empty else ["", *nulls]
    if not none:
        return text
    is_none = text.is_in(none) if len(none) > 1 else text == none[0]
    return pl.when(~is_none).then(text).alias(name)


def _fast(texts: pl.Series, column: ColumnType) -> pl.Expr:
    """The reading of the usual spelling; it may miss others, which `_full` then reads."""
    text = pl.col(texts.name)
    if column.type == "datetime" and not (column.format or column.timezone):
        index = texts.is_not_null().arg_max()
        between = "T" if index is not None and "T" in (texts[index] or "") else " "
        usual = text.str.contains(f"{_DATE}{between}[0-9]{{2}}:[0-9]{{2}}:[0-5][0-9]$")
        value = text.str.strptime(
            pl.Datetime("us"), f"%Y-%m-%d{between}%H:%M:%S", strict=False, cache=False
        )
        return pl.when(usual & _has_year(text)).then(value)
    return _expression(text, column)


def _full(text: pl.Series, column: ColumnType) -> pl.Series:
    named = text.alias("text")
    return named.to_frame().select(_expression(pl.col("text"), column)).to_series()


def _expression(text: pl.Expr, column: ColumnType) -> pl.Expr:
    kind = column.type
    if kind == "str":
        return text
    text = plain(text, column)
    if kind == "binary":
        if column.encoding:
            return text.str.decode(column.encoding, strict=False)
        return pl.when(text.is_null()).then(pl.lit(None, pl.Binary))
    if kind == "bool":
        low = text.str.to_lowercase()
        return (
            pl.when(low.is_in(["true", "1"])).then(True).when(low.is_in(["false", "0"])).then(False)
        )
    if kind[0] in "iu":
        value = text.cast(column.dtype, strict=False)
        return (
            value
            if column.leading_zeros
            else pl.when(~text.str.contains(_LEADING_ZERO)).then(value)
        )
    if kind[0] == "f":
        value = text.cast(column.dtype, strict=False)
        return pl.when(value.is_finite()).then(value)
    if isinstance(column.dtype, pl.Decimal):
        exact = text.str.contains(rf"^[+-]?[0-9]+(?:\.[0-9]{{0,{column.dtype.scale}}}0*)?$")
        return pl.when(exact).then(text.cast(column.dtype, strict=False))
    return _moment(text, column)


def _moment(text: pl.Expr, column: ColumnType) -> pl.Expr:
    """A date, a datetime or a time."""
    if column.format:
        bare = (text.str.strip_chars() == text) & ~text.str.contains(":60")
        if column.timezone and "%z" not in column.format.lower():
            value = text.str.strptime(pl.Datetime("us"), column.format, strict=False)
            return pl.when(bare).then(_local(value, column.timezone))
        value = text.str.strptime(_temporal(column), column.format, strict=False)
        return pl.when(bare).then(value)
    if column.type == "date":
        shaped = text.str.contains(f"{_DATE}$") & _has_year(text)
        return pl.when(shaped).then(text.str.strptime(pl.Date, "%Y-%m-%d", strict=False))
    if column.type == "time":
        whole = _with_seconds(text, 5)
        shaped = text.str.contains(f"^{_TIME}$")
        return pl.when(shaped).then(whole.str.strptime(pl.Time, "%H:%M:%S%.f", strict=False))
    return _iso_datetime(text, column.timezone)


def _temporal(column: ColumnType) -> pl.Date | pl.Datetime | pl.Time:
    dtype = column.dtype
    assert isinstance(dtype, (pl.Date, pl.Datetime, pl.Time))
    return dtype


def _iso_datetime(text: pl.Expr, timezone: str | None) -> pl.Expr:
    moment = f"{_DATE}[T ]{_TIME}"
    naive = _with_seconds(text.str.replace("T", " ", literal=True), 16)
    value = naive.str.strptime(pl.Datetime("us"), "%Y-%m-%d %H:%M:%S%.f", strict=False)
    local = pl.when(text.str.contains(f"{moment}$") & _has_year(text)).then(value)
    if timezone is None:
        return local
    clock = _with_seconds(text.str.replace("T", " ", literal=True).str.replace(f"{_ZONE}$", ""), 16)
    offset = text.str.extract(f"({_ZONE})$").str.replace("Z", "+0000", literal=True)
    absolute = (
        pl.concat_str(clock, offset.str.replace(":", "", literal=True))
        .str.strptime(pl.Datetime("us", "UTC"), "%Y-%m-%d %H:%M:%S%.f%z", strict=False)
        .dt.convert_time_zone(timezone)
    )
    has_offset = text.str.contains(f"{moment}{_ZONE}$") & _has_year(text)
    return pl.coalesce(_local(local, timezone), pl.when(has_offset).then(absolute))


def _local(value: pl.Expr, timezone: str) -> pl.Expr:
    """Local time in a zone; null where the clocks' change makes it ambiguous or skips it."""
    return value.dt.replace_time_zone(timezone, ambiguous="null", non_existent="null")


def _with_seconds(text: pl.Expr, length_without: int) -> pl.Expr:
    short = text.str.len_bytes() == length_without
    return pl.when(short).then(pl.concat_str(text, pl.lit(":00"))).otherwise(text)


def _has_year(text: pl.Expr) -> pl.Expr:
    return ~text.str.starts_with("0000")
