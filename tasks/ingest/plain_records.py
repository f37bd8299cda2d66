"""Take JSON objects in which nothing has to be looked at twice: a column at a time, or not at all.

Where each value has the JSON type that its column's type is written in, reading the text fast has
lost nothing: whole numbers of up to 64 bits, texts and flags come as they are, and a number with a
fraction becomes the nearest float either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from tasks.ingest import text
from tasks.ingest.parts import LINE, Part
from tasks.ingest.schema import ColumnType, Source

_EXACT_FLOAT = 2.0**53
_USUAL_DATETIME = "^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]$"
_NONE = type(None)


def take_plain(
    records: Sequence[Any],
    first_line: int,
    name: str,
    source: Source,
    absent_is_null: bool = False,
) -> Part | None:
    """Take records that are beyond doubt.

    Args:
        records: as a fast JSON parser reads them.
        first_line: position of the first one in its source.
        name: file or address of the source.
        source: its declaration.
        absent_is_null: whether a field that a record leaves out is null.

    Returns:
        None where one of them needs an exact reading, or has to be held back.
    """
    if source.drift != "ignore" or set(map(type, records)) > {dict}:
        return None
    columns: list[pl.Series] = []
    for key, column in source.columns.items():
        try:
            if absent_is_null:
                values = [record.get(key) for record in records]
            else:
                values = [record[key] for record in records]
        except KeyError:
            return None
        series = _take(values, column, keep_empty=source.empty_text == "keep")
        if series is None:
            return None
        columns.append(series.alias(key))
    lines = np.arange(first_line, first_line + len(records), dtype=np.int64)
    return Part(name, len(records), pl.DataFrame([*columns, pl.Series(LINE, lines)]), [])


def _take(values: Sequence[Any], column: ColumnType, keep_empty: bool) -> pl.Series | None:
    types = set(map(type, values)) - {_NONE}
    kind, dtype = column.type, column.dtype
    if dtype.is_nested():
        return None
    if dtype.is_temporal() or dtype.is_decimal():
        return _take_spelled(values, column) if types <= {str} else None
    if kind == "str" and types <= {str}:
        return _texts(values, keep_empty)
    if kind == "bool" and types <= {bool}:
        return pl.Series(values, dtype=pl.Boolean)
    if kind[0] in "iu" and types <= {int}:
        return _take_whole(values, dtype)
    if kind[0] == "f" and types <= {float, int}:
        return _take_float(values, dtype)
    return None


def _texts(values: Sequence[str | None], keep_empty: bool) -> pl.Series:
    series = pl.Series(values, dtype=pl.String)
    return series if keep_empty or "" not in values else series.set(series == "", None)


def _take_whole(values: Sequence[int | None], dtype: pl.DataType) -> pl.Series | None:
    try:
        return pl.Series(values, dtype=pl.Int64).cast(dtype)
    except (OverflowError, TypeError, pl.exceptions.PolarsError):
        return None


def _take_float(values: Sequence[float | None], dtype: pl.DataType) -> pl.Series | None:
    """Floats; a large one may have been a whole number of more digits than it has."""
    series = pl.Series(values, dtype=pl.Float64, strict=False)
    low, high = series.min(), series.max()
    if isinstance(low, float) and isinstance(high, float):
        return series.cast(dtype) if -_EXACT_FLOAT < low <= high < _EXACT_FLOAT else None
    return series.cast(dtype)


def _take_spelled(values: Sequence[str | None], column: ColumnType) -> pl.Series | None:
    meant = _texts(values, keep_empty=False)
    is_plain = column.type == "datetime" and not (column.format or column.timezone)
    if is_plain and meant.str.contains(_USUAL_DATETIME).all():
        series = meant.str.strptime(pl.Datetime("us"), "%Y-%m-%dT%H:%M:%S", strict=False)
    else:
        series = text.read_series(meant, column)
    return series if series.null_count() == meant.null_count() else None
