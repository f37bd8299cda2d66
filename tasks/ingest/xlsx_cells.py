"""The cells of an Excel worksheet, row by row, as Python values."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tasks.ingest.xlsx_book import (
    Attributes,
    Book,
    DamagedError,
    Format,
    chunks,
    parser_for,
    unescape,
)

_REFERENCE = re.compile("([A-Z]{1,3})([0-9]{1,7})")
_MERGED = re.compile(rb"""<(?:\w+:)?mergeCell\s[^>]*?ref=["']([A-Z]+[0-9]+:[A-Z]+[0-9]+)["']""")
_LONGEST_MERGED = 256
_MAX_TEXT = 1 << 20
_FIRST_REAL_DAY = 61
_MILLISECONDS = 86_400_000


class Unreadable:
    """Stands for a cell that has no value: an error, or a formula that was never calculated.

    Args:
        told: what it is.
    """

    def __init__(self, told: str) -> None:
        self._told = told

    def __repr__(self) -> str:
        return self._told


class Shown(float):
    """A number in a format of its own, which may show something else: a code, a percentage."""


@dataclass(slots=True)
class Row:
    """A row of a sheet.

    Args:
        number: its number in the sheet.
        cells: the value of each cell that has one, by column, counted from 0.
    """

    number: int
    cells: dict[int, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Area:
    """A merged area of cells.

    Args:
        rows: its rows.
        columns: its columns, counted from 0.
        told: its reference.
    """

    rows: range
    columns: range
    told: str


def merged_areas(book: Book, part: str) -> list[Area]:
    """The merged areas of a sheet, which Excel writes behind its cells."""
    areas: list[Area] = []
    with book.archive.open(part) as stream:
        rest = b""
        for chunk in chunks(stream):
            content, end = rest + chunk, 0
            for match in _MERGED.finditer(content):
                areas.append(_area(match[1].decode()))
                end = match.end()
            rest = content[max(end, len(content) - _LONGEST_MERGED) :]
    return areas


def _area(told: str) -> Area:
    (left, top), (right, bottom) = map(_place, told.split(":"))
    return Area(range(top, bottom + 1), range(left, right + 1), told)


def _place(reference: str) -> tuple[int, int]:
    """The column, counted from 0, and the row, counted from 1, of a cell."""
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise DamagedError(f"a cell called {reference!r}")
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return column - 1, int(match[2])


def read_rows(book: Book, part: str) -> Iterator[Row]:
    """The rows of a sheet that have cells, in order and in bounded memory.

    Raises:
        DamagedError: the sheet is no sheet, or its cells are out of order.
    """
    sheet = _Sheet(book)
    parser = parser_for(sheet.start, sheet.end, sheet.text)
    with book.archive.open(part) as stream:
        for chunk in chunks(stream):
            parser.Parse(chunk, False)
            yield from sheet.take()
    parser.Parse(b"", True)
    yield from sheet.take()
    if not sheet.seen:
        raise DamagedError("a sheet without cells' data")


class _Sheet:
    """Listens to a sheet's XML and makes rows of it."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._ready: list[Row] = []
        self._row = Row(0)
        self._column = -1
        self._cell: Attributes = {}
        self._texts: dict[str, list[str]] = {}
        self._open: str | None = None
        self._length = 0
        self._phonetic = False
        self.seen = False

    def take(self) -> list[Row]:
        """The rows that are complete."""
        ready, self._ready = self._ready, []
        return ready

    def start(self, tag: str, given: Attributes) -> None:
        if tag == "c":
            self._begin_cell(given)
        elif tag in {"v", "t", "f"}:
            self._open = None if self._phonetic else tag
            self._texts.setdefault(tag, [])
        elif tag == "row":
            self._begin_row(given)
        elif tag == "rPh":
            self._phonetic = True
        elif tag == "sheetData":
            self.seen = True

    def end(self, tag: str) -> None:
        if tag == self._open:
            self._open = None
        elif tag == "rPh":
            self._phonetic = False
        elif tag == "c":
            value = self._value()
            if value is not None:
                self._row.cells[self._column] = value
        elif tag == "row":
            self._ready.append(self._row)

    def text(self, content: str) -> None:
        if self._open:
            self._length += len(content)
            if self._length > _MAX_TEXT:
                raise DamagedError(f"a text of more than {_MAX_TEXT} characters in a cell")
            self._texts[self._open].append(content)

    def _begin_row(self, given: Attributes) -> None:
        told = given.get("r")
        number = self._row.number + 1 if told is None else int(told) if told.isdecimal() else 0
        if number <= self._row.number:
            raise DamagedError(f"row {told} behind row {self._row.number}")
        self._row, self._column = Row(number), -1

    def _begin_cell(self, given: Attributes) -> None:
        self._cell, self._texts, self._length = given, {}, 0
        reference = given.get("r")
        column, row = _place(reference) if reference else (self._column + 1, self._row.number)
        if column <= self._column or row != self._row.number:
            raise DamagedError(f"cell {reference} in row {self._row.number}, out of order")
        self._column = column

    def _value(self) -> Any:
        kind = self._cell.get("t", "n")
        if kind == "inlineStr":
            return unescape("".join(self._texts.get("t", [])))
        content = "".join(self._texts.get("v", []))
        if not content and kind != "str":
            return Unreadable("a formula without its value") if "f" in self._texts else None
        if kind == "s":
            if not content.isdecimal() or int(content) >= len(self._book.texts):
                raise DamagedError(f"text {content}, of {len(self._book.texts)}")
            return self._book.texts[int(content)]
        if kind == "str":
            return unescape(content)
        if kind == "b":
            return {"0": False, "1": True, "false": False, "true": True}.get(content, content)
        if kind == "e":
            return Unreadable(f"the error {content}")
        return _moment(content) if kind == "d" else self._number(content)

    def _number(self, content: str) -> Any:
        style = self._cell.get("s", "0")
        formats = self._book.formats
        if not style.isdecimal() or (formats and int(style) >= len(formats)):
            raise DamagedError(f"style {style}, of {len(formats)}")
        try:
            value = float(content)
        except ValueError as error:
            raise DamagedError(f"{content[:80]!r} as a number") from error
        if not math.isfinite(value):
            raise DamagedError(f"{content[:80]!r} as a number")
        return _shown(value, formats[int(style)] if formats else "general", self._book.from_1904)


def _moment(content: str) -> Any:
    try:
        return dt.datetime.fromisoformat(content)
    except ValueError as error:
        raise DamagedError(f"{content[:80]!r} as a date") from error


def _shown(value: float, shown: Format, from_1904: bool) -> Any:
    """A number as what its format makes of it."""
    if shown == "date" or (shown == "time" and value >= 1):
        return _date(value, from_1904)
    if shown == "time" and value >= 0:
        moment = dt.timedelta(milliseconds=round(value * _MILLISECONDS))
        if moment < dt.timedelta(days=1):
            return (dt.datetime.min + moment).time()
    return value if shown == "general" else Shown(value)


def _date(value: float, from_1904: bool) -> Any:
    """A day number of Excel, to the millisecond; there is no day 60 in its calendar of 1900."""
    first = dt.datetime(1904, 1, 1) if from_1904 else dt.datetime(1899, 12, 30)
    if not from_1904 and value < _FIRST_REAL_DAY:
        if not 1 <= value < _FIRST_REAL_DAY - 1:
            return Unreadable(f"the day number {value:g}")
        first = dt.datetime(1899, 12, 31)
    try:
        return first + dt.timedelta(milliseconds=round(value * _MILLISECONDS))
    except OverflowError:
        return Unreadable(f"the day number {value:g}")
