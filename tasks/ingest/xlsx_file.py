"""Read a sheet of an Excel workbook: a header row, and a record in each row below it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.errors import SourceError
from tasks.ingest import text
from tasks.ingest.compression import check_size
from tasks.ingest.evolving import new_names
from tasks.ingest.files_config import FilesConfig
from tasks.ingest.parts import Held, Part, check_columns, to_json
from tasks.ingest.records import take_columns
from tasks.ingest.schema import ColumnType
from tasks.ingest.xlsx_book import Book, DamagedError, open_book
from tasks.ingest.xlsx_cells import Area, Row, Shown, merged_areas, read_rows

_BATCH_ROWS = 20_000
_EXCEL_SHOWS = 11


def read_xlsx(path: Path, name: str, source: FilesConfig) -> Iterator[Part]:
    """Read a sheet's records in bounded memory; `_line` is the row's number in the sheet.

    A text in a column of numbers is read as text is; a number in a column of text is taken where
    Excel shows it as it is. An error, a formula that was never calculated and a merged cell hold
    their row back. Rows without any value are no records.

    Args:
        path: the workbook.
        name: what it is called in messages and in `_source`.
        source: its declaration.

    Raises:
        SchemaDriftError: the header does not have the declared columns.
        SourceError: the workbook is damaged, too large, or has no such sheet.
    """
    try:
        with open_book(path) as book:
            part = _sheet(book, name, source)
            check_size(book.archive.getinfo(part).file_size, name, source.max_file_bytes)
            areas = merged_areas(book, part)
            rows = (row for row in read_rows(book, part) if row.number > source.skip_lines)
            filled = (row for row in rows if any(v != "" for v in row.cells.values()))
            columns = _columns(filled, name, source)
            for batch in iter(lambda: list(itertools.islice(filled, _BATCH_ROWS)), []):
                yield _part(batch, columns, areas, name, source)
    except (DamagedError, KeyError) as error:
        raise SourceError(
            "a whole Excel workbook (.xlsx)",
            found=str(error),
            where=name,
            do="Have the file sent again: it was cut short or damaged, or is of another format.",
        ) from error


def _sheet(book: Book, name: str, source: FilesConfig) -> str:
    names, wanted = list(book.sheets), source.sheet
    if wanted is None and len(names) == 1:
        return book.sheets[names[0]]
    if isinstance(wanted, str) and wanted in names:
        return book.sheets[wanted]
    if isinstance(wanted, int) and wanted <= len(names):
        return book.sheets[names[wanted - 1]]
    raise SourceError(
        "one sheet" if wanted is None else f"sheet {wanted!r}",
        found=", ".join(map(repr, names)) or "no sheet",
        where=name,
        do="Set the source's sheet: to one of these names, or to its number, counted from 1.",
    )


def _columns(rows: Iterator[Row], name: str, source: FilesConfig) -> dict[int, str]:
    """The name of each column that has one."""
    if not source.header:
        return dict(enumerate(source.columns))
    header = next(rows, Row(0))
    columns = {place: _as_name(value) for place, value in header.cells.items() if value != ""}
    check_columns(columns.values(), source, name)
    return columns


def _as_name(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value)


def _part(
    rows: Sequence[Row],
    columns: Mapping[int, str],
    areas: Sequence[Area],
    name: str,
    source: FilesConfig,
) -> Part:
    held = [
        Held(row.number, faults, _raw(row, columns))
        for row in rows
        if (faults := _faults(row, columns, areas))
    ]
    faulty = {one.line for one in held}
    good = [row for row in rows if row.number not in faulty]
    wanted = {place: c for place, c in columns.items() if c in source.columns}
    wanted |= {place: columns[place] for place in columns if new_names([columns[place]], source)}
    values = {
        column: _meant([row.cells.get(place) for row in good], source.columns.get(column), source)
        for place, column in wanted.items()
    }
    part = take_columns(values, [row.number for row in good], name, source)
    held = sorted([*held, *part.held], key=lambda one: one.line)
    return Part(name, len(rows), part.rows, held)


def _faults(row: Row, columns: Mapping[int, str], areas: Sequence[Area]) -> list[str]:
    outside = [place for place, v in row.cells.items() if place not in columns and v != ""]
    merged = [
        area.told
        for area in areas
        if row.number in area.rows and any(place in columns for place in area.columns)
    ]
    return [
        *(f"a value in column {letters(place)}, which has no name" for place in outside),
        *(f"merged cells {told}" for told in merged),
    ]


def _raw(row: Row, columns: Mapping[int, str]) -> str:
    return to_json({columns.get(p, letters(p)): value for p, value in row.cells.items()})


def letters(place: int) -> str:
    """A column as Excel calls it."""
    name, place = "", place + 1
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def _meant(values: list[Any], column: ColumnType | None, source: FilesConfig) -> list[Any]:
    """A column's values, closer to its type where that is what the cell shows."""
    meant = [None if v in source.nulls else v for v in values] if source.nulls else values
    if column is None:
        return [v if v is None or isinstance(v, str) else str(v) for v in meant]
    if column.type == "str":
        return [_as_text(v) for v in meant]
    texts = [v if isinstance(v, str) and v else None for v in meant]
    if not any(texts) or column.dtype.is_temporal() or column.dtype.is_decimal():
        return [None if v == "" else v for v in meant]
    read = text.read_series(pl.Series(texts, dtype=pl.String), column).to_list()
    return [
        None if value == "" else value if number is None else number
        for value, number in zip(meant, read, strict=True)
    ]


def _as_text(value: Any) -> Any:
    if isinstance(value, float) and not isinstance(value, Shown):
        told = _as_name(value)
        return told if len(told) <= _EXCEL_SHOWS else value
    return value
