"""Python values as literals that compare with a column: suites come from JSON and YAML.

A date in a suite is often a string; a value of the wrong kind cannot equal anything, and cannot
be ordered against anything.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from numbers import Number
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from dateutil.parser import ParserError, parse  # type: ignore[import-untyped]


def comparable(value: Any, dtype: pl.DataType) -> pl.Expr:
    """Make a literal that a column of `dtype` can be compared with.

    Args:
        value: a Python scalar; strings are read as dates where the column holds dates.
        dtype: the type of the column.

    Returns:
        A literal expression.

    Raises:
        TypeError: values of this kind have no order with values of the column.
    """
    if dtype.is_temporal() and isinstance(value, str):
        value = _parse_temporal(value, dtype)
    if isinstance(dtype, pl.Datetime) and isinstance(value, dt.datetime):
        return pl.lit(_in_zone(value, dtype.time_zone))
    if not isinstance(value, _ordered_kinds(dtype)):
        raise TypeError(
            f"Column values and the value compared with them must be of the same type, "
            f"found a column of {dtype} and {value!r} ({type(value).__name__})."
        )
    return pl.lit(value)


def _ordered_kinds(dtype: pl.DataType) -> tuple[type, ...]:
    """The Python types that have an order with a Polars type."""
    if dtype.is_numeric() or isinstance(dtype, pl.Boolean):
        return (int, float, Decimal)
    kinds: dict[type, type] = {
        pl.String: str,
        pl.Date: dt.date,
        pl.Datetime: dt.date,
        pl.Time: dt.time,
        pl.Duration: dt.timedelta,
        pl.Binary: bytes,
    }
    return (kinds.get(dtype.base_type(), object),)


def members(values: Iterable[Any], dtype: pl.DataType) -> pl.Series:
    """Keep the values that a column of `dtype` could hold.

    Args:
        values: Python scalars of any kind, None included.
        dtype: the type of the column.

    Returns:
        A series of `dtype`, without nulls and without values that can equal nothing in the column.
    """
    held = (as_held(value, dtype) for value in values if value is not None)
    kept = pl.Series("members", [v for v in held if v is not None], dtype=dtype, strict=False)
    return kept.drop_nulls()


def as_held(value: Any, dtype: pl.DataType) -> Any:
    """Give the value as a column of `dtype` would hold it.

    Args:
        value: a Python scalar.
        dtype: the type of the column.

    Returns:
        The value, None where no value of the column can equal it.
    """
    if dtype.is_temporal():
        return _as_temporal(value, dtype)
    if isinstance(dtype, pl.String):
        return value if isinstance(value, str) else None
    if isinstance(dtype, pl.Boolean):
        return bool(value) if isinstance(value, int | float) and value in (0, 1) else None
    if not dtype.is_numeric():
        return None if isinstance(dtype, pl.Null) else value
    if not isinstance(value, Number) or isinstance(value, complex):
        return None
    return _as_number(value, dtype)


def _as_number(value: Any, dtype: pl.DataType) -> Any:
    if dtype.is_float():
        return float(value)
    if value != value or value in (float("inf"), float("-inf")):
        return None
    if isinstance(dtype, pl.Decimal):
        # a suite cannot write a decimal, so 1.1 stands for 1.10 and not for the nearest double
        exact = Decimal(int(value) if isinstance(value, bool) else str(value))
        return exact if exact == round(exact, dtype.scale) else None
    return int(value) if value == int(value) else None


def _as_temporal(value: Any, dtype: pl.DataType) -> Any:
    if isinstance(value, str):
        try:
            value = _parse_temporal(value, dtype)
        except (TypeError, ParserError):
            return None
    if isinstance(dtype, pl.Date):
        is_midnight = isinstance(value, dt.datetime) and value.time() == dt.time()
        return value.date() if is_midnight else value if type(value) is dt.date else None
    if isinstance(dtype, pl.Datetime):
        if type(value) is dt.date:
            value = dt.datetime.combine(value, dt.time())
        return _in_zone(value, dtype.time_zone) if isinstance(value, dt.datetime) else None
    wanted = dt.timedelta if isinstance(dtype, pl.Duration) else dt.time
    return value if isinstance(value, wanted) else None


def _parse_temporal(text: str, dtype: pl.DataType) -> Any:
    if isinstance(dtype, pl.Time):
        return dt.time.fromisoformat(text)
    if isinstance(dtype, pl.Duration):
        raise TypeError(f"A duration cannot be compared with the string {text!r}.")
    return parse(text)


def _in_zone(value: dt.datetime, zone: str | None) -> dt.datetime:
    """Give a datetime the zone of its column; a naive one is read as local to that zone."""
    if zone is None:
        if value.tzinfo is not None:
            raise TypeError(f"Cannot compare a column without a time zone with {value}.")
        return value
    local = ZoneInfo(zone)
    return value.replace(tzinfo=local) if value.tzinfo is None else value.astimezone(local)
