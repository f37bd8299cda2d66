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
import pyarrow as pa

from tasks.ingest import text
from tasks.ingest.json_even import EvenRecords
from tasks.ingest.parts import LINE, Part
from tasks.ingest.schema import ColumnType, Source

_EXACT_FLOAT = 2.0**53
_USUAL_DATETIME = "^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}%s[0-9]{2}:[0-9]{2}:[0-5][0-9]$"
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


def take_even(
    records: Sequence[EvenRecords], first_line: int, name: str, source: Source
) -> Part | None:
    """Take records that came as columns; as `take_plain`."""
    whole = pa.concat_arrays([one.columns for one in records])
    rows = take_table(pa.RecordBatch.from_struct_array(whole), source)
    if rows is None:
        return None
    lines = np.arange(first_line, first_line + rows.height, dtype=np.int64)
    return Part(name, rows.height, rows.with_columns(pl.Series(LINE, lines)), [])


def take_table(table: pa.Table | pa.RecordBatch, source: Source) -> pl.DataFrame | None:
    """The declared columns, typed, of records that Arrow parsed; None as `take_plain`."""
    found = pl.DataFrame(table)
    columns: list[pl.Series] = []
    for key, column in source.columns.items():
        series = typed(found[key], column, keep_empty=source.empty_text == "keep")
        if series is None or _has_negative_zero(series):
            return None
        columns.append(series.alias(key))
    return pl.DataFrame(columns)


def _has_negative_zero(values: pl.Series) -> bool:
    """Whether there is a -0.0, which is 0 where it was written as a whole number."""
    if not values.dtype.is_float():
        return False
    numbers = values.to_numpy()
    return bool(np.any((numbers == 0) & np.signbit(numbers)))


def _take(values: Sequence[Any], column: ColumnType, keep_empty: bool) -> pl.Series | None:
    types = set(map(type, values)) - {_NONE}
    kind, dtype = column.type, column.dtype
    if dtype.is_nested() or kind == "binary":
        return None
    if kind[0] in "iu" and types <= {int}:
        wanted: pl.DataType = pl.Int64()
    elif kind[0] == "f" and types <= {float, int}:
        wanted = pl.Float64()
    elif kind == "bool" and types <= {bool}:
        wanted = pl.Boolean()
    elif types <= {str}:
        wanted = pl.String()
    else:
        return None
    try:
        series = pl.Series(values, dtype=wanted, strict=wanted != pl.Float64())
    except (OverflowError, TypeError):
        return None
    return typed(series, column, keep_empty)


def typed(values: pl.Series, column: ColumnType, keep_empty: bool) -> pl.Series | None:
    """Values in a column's type; None where one of them needs an exact reading.

    Args:
        values: whole numbers, floats, flags or texts, as the column is written in.
        column: its declaration.
        keep_empty: whether an empty text is one.
    """
    kind, dtype = column.type, column.dtype
    if dtype.is_temporal() or dtype.is_decimal():
        return _spelled(values, column) if values.dtype == pl.String else None
    if kind == "str" and values.dtype == pl.String:
        return values if keep_empty else _without_empty(values)
    if kind == "bool" and values.dtype == pl.Boolean:
        return values
    if kind[0] in "iu" and values.dtype == pl.Int64:
        return _whole(values, dtype)
    return _floats(values, dtype) if kind[0] == "f" and values.dtype == pl.Float64 else None


def _without_empty(values: pl.Series) -> pl.Series:
    empty = values == ""
    return values.set(empty, None) if empty.any() else values


def _whole(values: pl.Series, dtype: pl.DataType) -> pl.Series | None:
    try:
        return values.cast(dtype)
    except pl.exceptions.PolarsError:
        return None


def _floats(values: pl.Series, dtype: pl.DataType) -> pl.Series | None:
    """Floats; a large one may have been a whole number of more digits than it has."""
    low, high = values.min(), values.max()
    if isinstance(low, float) and isinstance(high, float):
        return values.cast(dtype) if -_EXACT_FLOAT < low <= high < _EXACT_FLOAT else None
    return values.cast(dtype)


def _spelled(values: pl.Series, column: ColumnType) -> pl.Series | None:
    meant = _without_empty(values)
    is_plain = column.type == "datetime" and not (column.format or column.timezone)
    between = next((mark for mark in "T " if is_plain and _has_between(meant, mark)), None)
    if between:
        form = f"%Y-%m-%d{between}%H:%M:%S"
        series = meant.str.strptime(pl.Datetime("us"), form, strict=False)
    else:
        series = text.read_series(meant, column)
    return series if series.null_count() == meant.null_count() else None


def _has_between(values: pl.Series, mark: str) -> bool:
    """Whether all are usual datetimes with a mark between day and time."""
    shaped: bool = values.str.contains(_USUAL_DATETIME % mark).all()
    return shaped
