"""The years that dates may lie in: those that Python and ISO 8601 have.

Databases and typed files hold others too, infinite ones among them.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

_BEYOND = "infinite, or beyond the years 1 to 9999"
_YEARS = dt.date(1, 1, 1), dt.date(9999, 12, 31)


def is_dated(dtype: pl.DataType) -> bool:
    """Whether a type is one of dates."""
    return isinstance(dtype, (pl.Date, pl.Datetime))


def within_years(values: pl.Series) -> pl.Series:
    """Whether dates are ones of the years 1 to 9999; null may stay null."""
    if isinstance(values.dtype, pl.Datetime) and values.dtype.time_unit == "ns":  # to 2262
        return pl.repeat(True, len(values), eager=True)
    first, last = (pl.Series([day]).cast(values.dtype).to_physical()[0] for day in _YEARS)
    return values.to_physical().is_between(first, last)


def shown(values: pl.Series, index: int) -> Any:
    """A value as the quarantine shows it."""
    if is_dated(values.dtype) and within_years(values[index : index + 1])[0] is False:
        return _BEYOND
    return values[index]
