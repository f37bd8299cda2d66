"""Take values that already have a type, from JSON or a database, into declared types, exactly.

A value is taken where nothing of it is lost: 5 into f64, 5.0 into i32, 0 and 1 into bool, a date
into datetime. Text is taken into text, and read by `tasks.ingest.text` into decimals, dates, times
and bytes, for which JSON or SQLite have no type of their own. Everything else is held back.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
import sys
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from tasks.core.binary import Bytes
from tasks.core.column_types import SIMPLE_TYPES
from tasks.ingest import text
from tasks.ingest.nested import take_nested
from tasks.ingest.schema import ColumnType

_EXACT_FLOAT = 2**53
_MAX_DIGITS = 100
_LARGEST_F32 = 3.4028234663852886e38
_KINDS = {dtype: kind for kind, dtype in SIMPLE_TYPES.items()}
_AS_IS: dict[str, set[type]] = {"str": {str}, "bool": {bool}}


class _No:
    """Marks a value that cannot be taken."""


_NO = _No()


def take(
    records: Mapping[str, Sequence[Any]], columns: Mapping[str, ColumnType], keep_empty: bool
) -> text.Typed:
    """Take columns of values.

    Args:
        records: for each declared column its values, all of one length.
        columns: the declared columns.
        keep_empty: whether the empty text stays one in columns of type str.

    Returns:
        The columns, typed; null where a value cannot be taken, with the rows and reasons.
    """
    taken: dict[str, pl.Series] = {}
    wrong: dict[int, list[str]] = {}
    for name, column in columns.items():
        values = records[name]
        series, bad = _take_column(values, column, keep_empty)
        taken[name] = series.alias(name)
        for index in bad:
            shown = text.show(values[index])
            wrong.setdefault(index, []).append(f"{name}: {shown} is not {text.phrase(column)}")
    rows = pl.DataFrame(taken)
    if not wrong:
        return text.Typed(rows, None, [])
    failed = pl.Series([index in wrong for index in range(rows.height)], dtype=pl.Boolean)
    return text.Typed(rows, failed, [wrong[index] for index in sorted(wrong)])


def _take_column(
    values: Sequence[Any], column: ColumnType, keep_empty: bool
) -> tuple[pl.Series, list[int]]:
    """One column, and the positions of the values that cannot be taken."""
    kind, dtype = column.type, column.dtype
    if kind == "binary":
        return _take_bytes(values, column)
    if dtype.is_temporal() or dtype.is_decimal():
        return _take_spelled(values, column)
    if dtype.is_nested():
        return take_nested(values, dtype, _exact_item, _NO)
    exact, bad = values, []
    if not _fits_as_it_is(values, column):
        exact = [_exact(value, kind, dtype) for value in values]
        bad = [index for index, value in enumerate(exact) if value is _NO]
        exact = [None if value is _NO else value for value in exact]
    series = pl.Series(exact, dtype=dtype)
    if kind == "str" and not keep_empty:
        series = series.set(series == "", None)
    return series, bad


def _fits_as_it_is(values: Sequence[Any], column: ColumnType) -> bool:
    """Whether all values have the very type, seen at once and not one by one."""
    types = set(map(type, values)) - {type(None)}
    if column.type[0] in "iu" and types == {int}:
        given = [value for value in values if value is not None]
        allowed = _range(column.dtype)
        return min(given) in allowed and max(given) in allowed
    return types <= _AS_IS.get(column.type, set())


def _exact_item(value: Any, dtype: pl.DataType) -> Any:
    return _exact(value, _KINDS[dtype], dtype)


def _exact(value: Any, kind: str, dtype: pl.DataType) -> Any:
    if value is None:
        return None
    if kind == "str":
        return str(value) if isinstance(value, (str, uuid.UUID)) else _NO
    if kind == "bool":
        is_flag = isinstance(value, bool) or (type(value) is int and value in (0, 1))
        return bool(value) if is_flag else _NO
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return _NO
    return _exact_float(value, kind) if kind[0] == "f" else _exact_whole(value, dtype)


def _exact_float(value: float | Decimal, kind: str) -> Any:
    if isinstance(value, int) and abs(value) > _EXACT_FLOAT:
        return _NO
    number = float(value)
    fits = abs(number) <= (_LARGEST_F32 if kind == "f32" else sys.float_info.max)
    return number if fits else _NO


def _exact_whole(value: int | float | Decimal, dtype: pl.DataType) -> Any:
    if not math.isfinite(value):
        return _NO
    number = int(value)
    is_exact = isinstance(value, int) or (number == value and abs(number) <= _EXACT_FLOAT)
    return number if is_exact and number in _range(dtype) else _NO


@functools.cache
def _range(dtype: pl.DataType) -> range:
    bits = int(str(dtype).lstrip("UInt"))
    signed = dtype.is_signed_integer()
    return range(-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else range(2**bits)


def _take_spelled(values: Sequence[Any], column: ColumnType) -> tuple[pl.Series, list[int]]:
    """Decimals, dates and times: text by the column's format, other values by ISO 8601."""
    texts = pl.Series([v or None if isinstance(v, str) else None for v in values], dtype=pl.String)
    read = text.read_series(texts, column)
    if any(not isinstance(value, str) for value in values):
        others = pl.Series([_spell(value, column) for value in values], dtype=pl.String)
        plain = column.model_copy(update={"format": None, "decimal": ".", "thousands": None})
        read = pl.select(pl.coalesce(read, text.read_series(others, plain))).to_series()
    given = pl.Series([value is not None and value != "" for value in values], dtype=pl.Boolean)
    return read, (given & read.is_null()).arg_true().to_list()


def _take_bytes(values: Sequence[Any], column: ColumnType) -> tuple[pl.Series, list[int]]:
    """Bytes as they are, and texts by the column's encoding."""
    texts = pl.Series([v or None if isinstance(v, str) else None for v in values], dtype=pl.String)
    taken = [
        bytes(value) if isinstance(value, Bytes) else read
        for value, read in zip(values, text.read_series(texts, column), strict=True)
    ]
    lost = [i for i, v in enumerate(values) if taken[i] is None and v is not None and v != ""]
    return pl.Series(taken, dtype=pl.Binary), lost


def _spell(value: Any, column: ColumnType) -> str | None:
    if isinstance(value, dt.datetime):
        if column.type == "date" and value.time() == dt.time() and value.tzinfo is None:
            return value.date().isoformat()
        return value.isoformat(" ")
    if isinstance(value, (dt.date, dt.time)):
        midnight = " 00:00:00" if isinstance(value, dt.date) and column.type == "datetime" else ""
        return value.isoformat() + midnight
    if isinstance(value, bool) or not column.type.startswith("decimal"):
        return None
    if isinstance(value, Decimal):  # 1e99999999 would be written out with all its zeros
        return format(value, "f") if abs(value.adjusted()) < _MAX_DIGITS else None
    return repr(value) if isinstance(value, (int, float)) else None
