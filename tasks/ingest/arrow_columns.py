"""Take Arrow columns of a database into declared types, exactly, without a row in Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from tasks.core.errors import SchemaDriftError
from tasks.ingest import text
from tasks.ingest.evolving import frame_as_text, new_names
from tasks.ingest.parts import LINE, Held, Part, to_json
from tasks.ingest.schema import ColumnType, Source
from tasks.ingest.values import take
from tasks.ingest.years import is_dated, shown, within_years

_LARGEST_F32 = 3.4028234663852886e38
_UUID_BYTES, _UUID_LETTERS = 16, 36
_HEX = np.frombuffer(bytes(range(256)).hex().encode(), np.uint8).reshape(256, 2)
_DIGITS = [place for place in range(_UUID_LETTERS) if place not in (8, 13, 18, 23)]


@dataclass(frozen=True, slots=True)
class Columns:
    """Some rows of a database.

    Args:
        frame: their columns, in types that Polars knows.
        numeric: the columns that hold exact numbers as text.
    """

    frame: pl.DataFrame
    numeric: frozenset[str] = frozenset()


def plain(batch: pa.RecordBatch) -> Columns:
    """A batch in types that Polars knows: UUIDs, JSON, enums and exact numbers as text."""
    series, numeric = [], set()
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        kind = column.type
        storage = column.storage if isinstance(kind, pa.BaseExtensionType) else column
        if isinstance(kind, pa.UuidType):
            storage = _uuid_text(storage)
        values = pl.Series(name, pl.from_arrow(storage))
        if isinstance(kind, pa.OpaqueType) and kind.type_name == "numeric":
            numeric.add(name)
        elif isinstance(values.dtype, (pl.Categorical, pl.Enum)):
            values = values.cast(pl.String)
        series.append(values)
    return Columns(pl.DataFrame(series), frozenset(numeric))


def take_arrow(columns: Columns, first_line: int, name: str, source: Source) -> Part:
    """Take rows where nothing of them is lost; the others are held back.

    Args:
        columns: at least the declared columns.
        first_line: position of the first row in its source.
        name: what the source is called.
        source: its declaration.

    Raises:
        SchemaDriftError: a column is of another kind altogether.
    """
    frame, taken, wrong = columns.frame, [], {}
    for key, column in source.columns.items():
        values = _take(frame[key], column, key in columns.numeric, name)
        failed = values.is_null() & frame[key].is_not_null()
        if failed.any():
            wrong[key] = failed
        if column.type == "str" and source.empty_text == "null":
            values = values.set(values == "", None)
        taken.append(values.alias(key))
    new = frame_as_text(frame, new_names(frame.columns, source))
    lines = pl.int_range(first_line, first_line + frame.height, eager=True).alias(LINE)
    rows = pl.DataFrame([*taken, lines, *new])
    if not wrong:
        return Part(name, frame.height, rows, [])
    failed = pl.DataFrame(wrong).select(pl.any_horizontal(pl.all())).to_series()
    held = [_held(frame, wrong, i, first_line + i, source) for i in failed.arg_true()]
    return Part(name, frame.height, rows.filter(~failed), held)


def _held(
    frame: pl.DataFrame, wrong: Mapping[str, pl.Series], index: int, line: int, source: Source
) -> Held:
    shows = {key: shown(frame[key], index) for key in frame.columns}
    reasons = [
        f"{key}: {text.show(shows[key])} is not {text.phrase(source.columns[key])}"
        for key, failed in wrong.items()
        if failed[index]
    ]
    return Held(line, reasons, to_json(shows))


def _take(values: pl.Series, column: ColumnType, is_numeric: bool, where: str) -> pl.Series:
    """A column in its declared type; null where a value is none of it."""
    given, declared = values.dtype, column.dtype
    if values.null_count() == len(values):
        return pl.Series(values.name, [None] * len(values), dtype=declared)
    if given == pl.String and declared.is_nested():
        lists = [None if v is None else json.loads(v) for v in values]
        return take({values.name: lists}, {values.name: column}, keep_empty=True).rows[values.name]
    if given == pl.String and column.type != "str" and (is_numeric or _is_spelled(column)):
        return _read(values, column, is_numeric)
    if is_dated(given):
        values = values.set(~within_years(values), None)
    if given.is_float() and declared.is_float():
        limit = _LARGEST_F32 if declared == pl.Float32 else float("inf")
        fits = values.is_finite() & (values.abs() <= limit)
        return values.set(~fits, None).cast(declared)
    if (
        column.timezone
        and given in (pl.Date, pl.Datetime)
        and not getattr(given, "time_zone", None)
    ):
        local = _exactly(values, pl.Datetime("us"))
        return local.dt.replace_time_zone(column.timezone, ambiguous="null", non_existent="null")
    if is_numeric or not _akin(given, declared):
        raise SchemaDriftError(
            f"{values.name} as {column.type}",
            found="numeric" if is_numeric else str(given),
            where=f"the query of {where}",
            do="Cast it in the query, or change the source's schema.",
        )
    return _exactly(values, declared)


def _exactly(values: pl.Series, declared: pl.DataType) -> pl.Series:
    """Values in another type; null where the way there and back does not give the same."""
    if values.dtype == declared:
        return values
    cast = values.cast(declared, strict=False)
    return cast.set(cast.cast(values.dtype, strict=False) != values, None)


def _read(values: pl.Series, column: ColumnType, is_numeric: bool) -> pl.Series:
    """Text as a file's would be read; 5.00 is a whole number."""
    if is_numeric and column.type[0] in "iu":
        values = values.str.replace(r"\.0+$", "")
    return text.read_series(values, column)


def _is_spelled(column: ColumnType) -> bool:
    """Whether text is how some databases keep values of a type."""
    declared = column.dtype
    return declared.is_temporal() or declared.is_decimal() or column.encoding is not None


def _akin(given: pl.DataType, declared: pl.DataType) -> bool:
    if given == declared or (given.is_numeric() and declared.is_numeric()):
        return True
    if isinstance(given, pl.Datetime) and isinstance(declared, pl.Datetime):
        return (given.time_zone is None) == (declared.time_zone is None)
    return {given.base_type(), declared.base_type()} == {pl.Date, pl.Datetime} and not getattr(
        given, "time_zone", None
    )


def _uuid_text(values: pa.FixedSizeBinaryArray) -> pa.Array:
    """UUIDs as RFC 9562 writes them."""
    count, size = len(values), _UUID_BYTES
    content = np.frombuffer(values.buffers()[1], np.uint8)[size * values.offset :][: size * count]
    letters = np.full((count, _UUID_LETTERS), ord("-"), np.uint8)
    letters[:, _DIGITS] = _HEX[content].reshape(count, 2 * size)
    ends = np.arange(0, _UUID_LETTERS * (count + 1), _UUID_LETTERS, dtype=np.int32)
    texts = pa.StringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(letters))
    return pc.if_else(values.is_valid(), texts, None) if values.null_count else texts
