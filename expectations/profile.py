"""What the columns of a table look like: the measures that a suite is bootstrapped from."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

Role = Literal["empty", "flag", "time", "category", "ordered", "id", "number", "text", "nested"]

QUANTILES = (0.001, *(decile / 10 for decile in range(1, 10)), 0.999)
MAX_CATEGORIES = 100
MAX_CODES = 10
MIN_ROWS_OF_A_CATEGORY = 5
MIN_COVERAGE = 0.95
_ID_NAME = re.compile(
    r"(?i:(^|[_\W])(id|ids|no|nr|num|number|key|code|uuid|guid|zip)$)|[a-z](ID|Id|No|Nr|Key|Code)$"
)
_DISTINCT_SHARE_OF_IDS = 0.9
_MAX_KEY_COLUMNS = 3
_MAX_KEYS_TRIED = 100
_KEY_SAMPLE_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column.

    Args:
        name: its name.
        dtype: its type.
        role: what it is good for: `id` names things, `ordered` grows or falls from row to row,
            `category` takes few values, most of them often, `number` measures something.
        missing: rows without a value; NaN is none.
        distinct: values it takes, about.
        quantiles: for a number, its quantiles at `QUANTILES`.
        least: for a number, its least value.
        lengths: for a text, its least and greatest length in characters.
        counts: for a category, rows of each value that several rows share, by value.
    """

    name: str
    dtype: pl.DataType
    role: Role
    missing: int
    distinct: int
    quantiles: tuple[float, ...] = ()
    least: float | None = None
    lengths: tuple[int, int] | None = None
    counts: Mapping[Any, int] | None = None


@dataclass(frozen=True, slots=True)
class TableProfile:
    """A table.

    Args:
        rows: its rows.
        columns: its columns, in order.
        key: the smallest set of complete columns that names each row; empty where none was found.
    """

    rows: int
    columns: tuple[ColumnProfile, ...]
    key: tuple[str, ...]


def profile(frame: pl.LazyFrame) -> TableProfile:
    """Measure a table in two passes, and a few more for its key.

    Args:
        frame: the rows, in the order they arrive.
    """
    schema = frame.collect_schema()
    measures = [measure for name, dtype in schema.items() for measure in _measures(name, dtype)]
    found = frame.select(pl.len().alias("rows"), *measures).collect(engine="streaming")
    row = found.row(0, named=True)
    counts = _category_counts(frame, schema, row)
    columns = tuple(_column(name, dtype, row, counts.get(name)) for name, dtype in schema.items())
    return TableProfile(row["rows"], columns, _key(frame, columns, row["rows"]))


def _values(name: str, dtype: pl.DataType) -> pl.Expr:
    return pl.col(name).fill_nan(None) if dtype.is_float() else pl.col(name)


def _measures(name: str, dtype: pl.DataType) -> list[pl.Expr]:
    values = _values(name, dtype)
    measures = [values.null_count().alias(f"{name}\0missing")]
    if dtype.is_nested() or dtype == pl.Null:
        return measures
    measures.append(values.drop_nulls().approx_n_unique().alias(f"{name}\0distinct"))
    if dtype.is_numeric() or dtype == pl.String:
        step = values.drop_nulls()
        before = step.shift(1)
        measures += [
            (step >= before).all().alias(f"{name}\0rises"),
            (step <= before).all().alias(f"{name}\0falls"),
        ]
    if dtype.is_numeric():
        finite = values.cast(pl.Float64).filter(values.cast(pl.Float64).is_finite())
        measures += [
            finite.quantile(list(QUANTILES), "nearest").alias(f"{name}\0quantiles"),
            finite.min().alias(f"{name}\0least"),
        ]
    if dtype == pl.String:
        lengths = values.str.len_chars()
        measures += [
            lengths.min().alias(f"{name}\0shortest"),
            lengths.max().alias(f"{name}\0longest"),
        ]
    return measures


def _category_counts(
    frame: pl.LazyFrame, schema: pl.Schema, row: Mapping[str, Any]
) -> dict[str, dict[Any, int]]:
    """Rows of each value that several share, for the columns of which such values are the most."""
    # approx_n_unique is off by some percent, so a few more columns are counted than are kept
    few = [
        name
        for name, dtype in schema.items()
        if (_is_word(dtype) or dtype.is_integer())
        and dtype != pl.Boolean
        and 0 < row[f"{name}\0distinct"] <= 1.1 * MAX_CATEGORIES
    ]
    counted = pl.collect_all(
        [
            frame.select(pl.col(n).drop_nulls()).group_by(n).agg(pl.len().alias("\0rows")).sort(n)
            for n in few
        ],
        engine="streaming",
    )
    counts = {name: dict(table.iter_rows()) for name, table in zip(few, counted, strict=True)}
    return {
        name: {value: n for value, n in found.items() if n >= MIN_ROWS_OF_A_CATEGORY}
        for name, found in counts.items()
        if _are_categories(list(found.values()), is_word=_is_word(schema[name]))
    }


def _are_categories(counts: list[int], is_word: bool) -> bool:
    """Few values of which most rows have a frequent one; numbers must have nothing else."""
    frequent = sum(count for count in counts if count >= MIN_ROWS_OF_A_CATEGORY)
    if is_word:
        return len(counts) <= MAX_CATEGORIES and frequent >= MIN_COVERAGE * sum(counts)
    return len(counts) <= MAX_CODES and frequent == sum(counts)


def _column(
    name: str, dtype: pl.DataType, row: Mapping[str, Any], counts: dict[Any, int] | None
) -> ColumnProfile:
    def measured(measure: str) -> Any:
        return row.get(f"{name}\0{measure}")

    lengths = (measured("shortest"), measured("longest"))
    return ColumnProfile(
        name,
        dtype,
        _role(name, dtype, row, counts),
        measured("missing"),
        measured("distinct") or 0,
        tuple(q for q in measured("quantiles") or () if q is not None),
        measured("least"),
        None if None in lengths else lengths,
        counts,
    )


def _role(
    name: str, dtype: pl.DataType, row: Mapping[str, Any], counts: dict[Any, int] | None
) -> Role:
    filled = row["rows"] - row[f"{name}\0missing"]
    if filled == 0:
        return "empty"
    if dtype.is_nested() or not (dtype.is_numeric() or dtype.is_temporal() or _is_word(dtype)):
        return "nested"
    if dtype == pl.Boolean:
        return "flag"
    if dtype.is_temporal():
        return "time"
    names_things = _ID_NAME.search(name) is not None
    if counts is not None and not names_things:
        return "category"
    distinct = row[f"{name}\0distinct"]
    if distinct > 1 and (row.get(f"{name}\0rises") or row.get(f"{name}\0falls")):
        return "ordered"
    whole = dtype.is_integer() or _is_word(dtype)
    if names_things or (whole and distinct >= _DISTINCT_SHARE_OF_IDS * filled):
        return "id"
    return "number" if dtype.is_numeric() else "text"


def _is_word(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.String | pl.Boolean | pl.Enum | pl.Categorical)


def _key(frame: pl.LazyFrame, columns: tuple[ColumnProfile, ...], rows: int) -> tuple[str, ...]:
    """The smallest set of complete columns without a duplicate, ids before others."""
    named = [c for c in columns if not c.missing and c.role not in ("nested", "flag", "empty")]
    fit = [c for c in named if not c.dtype.is_float()]
    fit.sort(key=lambda c: c.role not in ("id", "ordered"))
    candidates = [
        chosen
        for size in range(1, _MAX_KEY_COLUMNS + 1)
        for chosen in itertools.combinations(fit, size)
        if math.prod(c.distinct for c in chosen) >= _DISTINCT_SHARE_OF_IDS * rows
    ]
    for chosen in candidates[:_MAX_KEYS_TRIED] if rows > 1 else []:
        names = tuple(c.name for c in columns if c in chosen)
        if _is_unique(frame.head(_KEY_SAMPLE_ROWS), names) and _is_unique(frame, names):
            return names
    return ()


def _is_unique(frame: pl.LazyFrame, names: tuple[str, ...]) -> bool:
    return not frame.select(pl.struct(names).is_duplicated().any()).collect().item()
