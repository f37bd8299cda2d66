"""Rows of JSON objects, typed again as their table has them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from tasks.core.binary import untell
from tasks.core.errors import DataError

_TRUTH = {"true": True, "false": False}
_PARSERS: Mapping[type[pl.DataType], Callable[[str], object]] = {
    pl.Boolean: _TRUTH.__getitem__,
    pl.Date: dt.date.fromisoformat,
    pl.Time: dt.time.fromisoformat,
    pl.Binary: untell,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row cannot be typed; it tells no value.

    Args:
        row: its position.
        cause: the column and what is wrong with it.
    """

    row: int
    cause: str


def retype(rows: Sequence[str], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Type rows.

    Args:
        rows: JSON objects, one for each row, that name every column; numbers may be strings.
        schema: the table's columns.

    Raises:
        DataError: rows that cannot be typed, with their positions from 1.
    """
    typed, faults = try_retype(rows, schema)
    if faults:
        told = "; ".join(f"row {fault.row + 1}: {fault.cause}" for fault in faults[:10])
        raise DataError(
            "rows that fit the types of their table",
            found=told + (f"; and {len(faults) - 10} more" if len(faults) > 10 else ""),
            do="Mend the rows: each is a JSON object with every column, missing values as null.",
        )
    return typed


def try_retype(
    rows: Sequence[str], schema: Mapping[str, pl.DataType]
) -> tuple[pl.DataFrame, list[Fault]]:
    """Type rows; a row with a fault has nulls where it could not be typed."""
    faults: list[Fault] = []
    records = [_record(position, row, schema, faults) for position, row in enumerate(rows)]
    columns = {}
    for name, dtype in schema.items():
        texts = pl.Series(name, [record.get(name) for record in records], dtype=pl.String)
        columns[name] = _typed(texts, dtype)
        lost = columns[name].is_null() & texts.is_not_null()
        wanted = "Binary, written base64:… or hex:…" if dtype == pl.Binary else str(dtype)
        faults += [Fault(row, f"{name} is no {wanted}") for row in lost.arg_true().to_list()]
    return pl.DataFrame(columns, schema=dict(schema)), sorted(faults, key=lambda f: f.row)


def _record(
    position: int, row: str, schema: Mapping[str, pl.DataType], faults: list[Fault]
) -> dict[str, str | None]:
    try:
        # numbers stay the text they were: a decimal must not pass through a float
        content = json.loads(row, parse_float=str, parse_int=str)
    except json.JSONDecodeError:
        content = None
    if not isinstance(content, dict):
        faults.append(Fault(position, "not a JSON object"))
        return {}
    faults += [Fault(position, f"{name} is missing") for name in schema if name not in content]
    faults += [Fault(position, f"{n!r} is no column") for n in content if n not in schema]
    nested = [
        name
        for name, value in content.items()
        if isinstance(value, dict)
        or (isinstance(value, list) and not (name in schema and schema[name].is_nested()))
    ]
    faults += [Fault(position, f"{name} is no single value") for name in nested]
    return {name: _text(value) for name, value in content.items() if name not in nested}


def _text(value: Any) -> str | None:
    return json.dumps(value) if isinstance(value, bool | list) else value


def _typed(texts: pl.Series, dtype: pl.DataType) -> pl.Series:
    if isinstance(dtype, pl.Datetime):
        return _parsed(texts, dtype, lambda text: _moment(text, dtype.time_zone is not None))
    if isinstance(dtype, pl.Decimal):
        return _parsed(texts, dtype, lambda text: _exact(text, dtype))
    if isinstance(dtype, pl.Array | pl.List):
        return _parsed(texts, dtype, lambda text: _items(json.loads(text), dtype))
    parse = _PARSERS.get(type(dtype))
    if parse is not None:
        return _parsed(texts, dtype, parse)
    return texts.str.strip_chars().cast(dtype, strict=False) if dtype != pl.String else texts


def _parsed(texts: pl.Series, dtype: pl.DataType, parse: Callable[[str], object]) -> pl.Series:
    def attempt(text: str | None) -> object:
        try:
            return None if text is None else parse(text)
        except (ValueError, KeyError, ArithmeticError):
            return None

    return pl.Series(texts.name, [attempt(text) for text in texts], dtype=dtype)


def _items(value: Any, dtype: Any) -> Any:
    """A list, or a list of lists, as an array or a list has them."""
    if not isinstance(dtype, pl.Array | pl.List):
        text = _text(value)
        typed = _typed(pl.Series([text], dtype=pl.String), dtype)
        if typed.is_null().all() and (text is not None or isinstance(value, list)):
            raise ValueError(f"no {dtype}")
        return typed.item()
    if not isinstance(value, list) or (isinstance(dtype, pl.Array) and len(value) != dtype.size):
        raise ValueError("a list of another length")
    # Of an array only the outermost axis is its own type's.
    return [_items(item, dtype.inner) for item in value]


def _exact(text: str, dtype: pl.Decimal) -> Decimal:
    number = Decimal(text)
    whole_digits = dtype.precision - dtype.scale
    if number != round(number, dtype.scale) or abs(number) >= 10**whole_digits:
        raise ValueError("more digits than the type holds")
    return number


def _moment(text: str, needs_zone: bool) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    if (moment.tzinfo is not None) != needs_zone:
        raise ValueError("an offset from UTC, or none")
    return moment
