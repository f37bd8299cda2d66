"""Public tables as CSV for spreadsheets, in which nothing a source wrote becomes a formula."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from tasks.core.binary import as_base64
from tasks.core.files import replace

# What a spreadsheet takes for the start of a formula. A plain number with its sign is none.
_FORMULA = r"^[=+\-@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def write_csv(table: pl.LazyFrame, path: Path) -> None:
    """Write a table as UTF-8 with a byte order mark, by which spreadsheets know it.

    Lists and structs become JSON, bytes base64. A text that a spreadsheet would take for a formula
    gets an apostrophe in front, by which it is taken for text; names of columns too. The rows
    stream, in their order; the file is the old one or the whole new one.

    Args:
        table: the rows, in the order they are to be written.
        path: the file; one that is there is replaced.

    Source: OWASP, CSV Injection.
    """
    schema = table.collect_schema()
    cells = [_cell(name, dtype).alias(_heading(name)) for name, dtype in schema.items()]
    aside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        table.select(cells).sink_csv(aside, include_bom=True, maintain_order=True)
        replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def neutralise(text: pl.Expr) -> pl.Expr:
    """Put an apostrophe before what a spreadsheet would take for a formula."""
    is_formula = text.str.contains(_FORMULA) & ~text.str.contains(_NUMBER)
    return pl.when(is_formula).then(pl.lit("'") + text).otherwise(text)


def _cell(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype.is_nested():
        json = pl.struct(column.alias("_")).struct.json_encode()
        inner = json.str.strip_prefix('{"_":').str.strip_suffix("}")
        return neutralise(pl.when(column.is_not_null()).then(inner))
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return neutralise(column.cast(pl.String))
    encoded = as_base64(name, dtype)
    return neutralise(encoded) if dtype == pl.Binary else encoded


def _heading(name: str) -> str:
    return str(pl.select(neutralise(pl.lit(name))).item())
