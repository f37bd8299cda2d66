"""Excel: what a cell says is taken as it is, or its row is held back."""

from __future__ import annotations

import datetime as dt
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
import xlsxwriter
from openpyxl.styles.numbers import is_date_format

from tasks.core.errors import ConfigError, SchemaDriftError, SourceError
from tasks.ingest.xlsx_book import format_of
from tests.unit.ingest.conftest import Land

SCHEMA = {
    "id": "i32",
    "name": "str",
    "price": "decimal(8,2)",
    "ratio": "f64",
    "flag": "bool",
    "at": "datetime",
    "day": "date",
    "clock": "time",
}
ROWS: list[tuple[Any, ...]] = [
    (1, "Anna", 1.25, 0.1, True, dt.datetime(2010, 1, 4, 10), dt.date(2010, 1, 4), dt.time(9, 30)),
    (2, " Zoë & \n <b>", 3, -2.0, False, dt.datetime(2010, 1, 4, 23, 59, 59), None, None),
    (3, None, None, None, None, None, dt.date(1900, 1, 1), dt.time(23, 59, 59)),
]
SOURCE = {"kind": "files", "path": "a.xlsx", "schema": SCHEMA}


def _save(folder: Path, rows: list[Any], name: str = "a.xlsx") -> Any:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(folder / name)
    return book


def test_cells_have_the_values_that_were_written(folder: Path, land: Land) -> None:
    _save(folder, [list(SCHEMA), *ROWS[:2], [], ROWS[2]])
    landing = land(SOURCE)
    prices = [Decimal("1.25"), Decimal("3.00"), None]
    expected = [(*r[:2], price, *r[3:]) for r, price in zip(ROWS, prices, strict=True)]
    assert landing.rows.drop("_source", "_line").rows() == expected
    assert landing.rows["_line"].to_list() == [2, 3, 5]
    assert landing.held.is_empty()


def test_shared_texts_and_formulas_as_excel_writes_them(folder: Path, land: Land) -> None:
    with xlsxwriter.Workbook(folder / "a.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["id", "name", "ratio"])
        bold = book.add_format({"bold": True})
        sheet.write_row(1, 0, [1, "Anna"])
        sheet.write_rich_string(2, 1, "Zo", bold, "ë")
        sheet.write_row(3, 0, [3, "Anna"])
        sheet.write_row(4, 0, [4, "_x000D_\r"])
        sheet.write_formula(2, 0, "=A2+1", value=2)
        sheet.write_formula(3, 2, "=NA()", value="#N/A")
    landing = land({**SOURCE, "schema": {"id": "i32", "name": "str", "ratio": "f64"}})
    assert landing.rows["id"].to_list() == [1, 2, 4]
    assert landing.rows["name"].to_list() == ["Anna", "Zoë", "_x000D_\r"]
    assert landing.held["reasons"].to_list() == [["ratio: the error #N/A is not f64"]]


def test_a_cell_that_does_not_fit_holds_its_row_back(folder: Path, land: Land) -> None:
    book = _save(folder, [["id", "name", "price"], *([n, f"n{n}", 1.5] for n in range(2, 10))])
    sheet = book.active
    sheet["A2"] = 2.5
    sheet["A3"] = "007"
    sheet["A4"] = "12"
    sheet["C5"], sheet["C5"].data_type = "#N/A", "e"
    sheet["C6"] = "=1/0"
    sheet["B7"], sheet["B7"].number_format = 0.5, "0%"
    sheet["E8"] = "stray"
    sheet.merge_cells("A9:B9")
    book.save(folder / "a.xlsx")
    schema = {"id": "i32", "name": "str", "price": "f64"}
    landing = land({**SOURCE, "schema": schema})
    assert landing.rows["id"].to_list() == [12]
    assert landing.held["line"].to_list() == [2, 3, 5, 6, 7, 8, 9]
    assert landing.ledger.rows_in == 8
    reasons = landing.held["reasons"].explode().to_list()
    assert reasons == [
        "id: 2.5 is not i32 without leading zeros",
        "id: '007' is not i32 without leading zeros",
        "price: the error #N/A is not f64",
        "price: a formula without its value is not f64",
        "name: 0.5 is not str",
        "a value in column E, which has no name",
        "merged cells A9:B9",
    ]
    assert '"price": "the error #N/A"' in landing.held["raw"][2]


def test_numbers_are_text_where_excel_shows_them_as_they_are(folder: Path, land: Land) -> None:
    book = _save(folder, [["id"], [536365], ["C536365"], [1.5], [123], [1e12], [True]])
    book.active["A5"].number_format = "00000"
    book.save(folder / "a.xlsx")
    landing = land({**SOURCE, "schema": {"id": "str"}})
    assert landing.rows["id"].to_list() == ["536365", "C536365", "1.5"]
    assert landing.held["line"].to_list() == [5, 6, 7]


def test_a_sheet_is_chosen_and_lines_are_skipped(folder: Path, land: Land) -> None:
    book = _save(folder, [["x"]])
    other = book.create_sheet("Lines 2010")
    for row in (["Report"], [], [None, "id", "name"], [None, 1, "a"]):
        other.append(row)
    book.save(folder / "a.xlsx")
    source = {**SOURCE, "schema": {"id": "i32", "name": "str"}, "skip_lines": 2}
    for sheet in ("Lines 2010", 2):
        assert land({**source, "sheet": sheet}).rows.rows() == [(1, "a", "a.xlsx", 4)]
    for wrong in (None, "Other", 3):
        with pytest.raises(SourceError, match="'Sheet', 'Lines 2010'"):
            land({**source, "sheet": wrong})


def test_without_a_header_columns_go_by_the_schema(folder: Path, land: Land) -> None:
    _save(folder, [[1, "a"], [2, "b"]])
    source = {**SOURCE, "schema": {"id": "i32", "name": "str"}, "header": False}
    assert land(source).rows["name"].to_list() == ["a", "b"]


def test_another_header_is_drift(folder: Path, land: Land) -> None:
    _save(folder, [["id", "nom"], [1, "a"]])
    with pytest.raises(SchemaDriftError, match="'name' is missing"):
        land({**SOURCE, "schema": {"id": "i32", "name": "str"}})


def test_days_of_both_calendars(folder: Path, land: Land) -> None:
    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    for row in (["at"], [dt.datetime(2010, 1, 4, 10, 0, 0, 250_000)]):
        book.active.append(row)
    book.save(folder / "a.xlsx")
    landing = land({**SOURCE, "schema": {"at": "datetime"}})
    assert landing.rows["at"].to_list() == [dt.datetime(2010, 1, 4, 10, 0, 0, 250_000)]


def test_many_rows_come_in_bounded_parts(folder: Path, land: Land) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["id", "name"])
    for n in range(25_000):
        sheet.append([n, f"n{n}"])
    book.save(folder / "a.xlsx")
    landing = land({**SOURCE, "schema": {"id": "i32", "name": "str"}})
    assert landing.rows["id"].equals(pl.Series("id", range(25_000), dtype=pl.Int32))


def _replaced(folder: Path, part: str, old: bytes, new: bytes) -> None:
    """Write a workbook with something of one part replaced."""
    _save(folder, [["id"], [1], [2]])
    path = folder / "a.xlsx"
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old in parts[part]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content.replace(old, new) if name == part else content)


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        (SHEET, b'<row r="3"', b'<row r="1"'),
        (SHEET, b'r="A3"', b'r="A2"'),
        (SHEET, b"<v>2</v>", b"<v>nan</v>"),
        (SHEET, b'<c r="A3"', b'<c r="A3" s="9"'),
        (SHEET, b't="n"', b't="s"'),
        (SHEET, b"<sheetData>", b"<other>"),
        (SHEET, b"<worksheet", b"<!DOCTYPE a [<!ENTITY b 'c'>]><worksheet"),
        ("xl/_rels/workbook.xml.rels", b"sheet1.xml", b"sheet9.xml"),
    ],
)
def test_a_damaged_workbook_is_refused(
    part: str, old: bytes, new: bytes, folder: Path, land: Land
) -> None:
    _replaced(folder, part, old, new)
    with pytest.raises(SourceError, match="whole Excel workbook"):
        land({**SOURCE, "schema": {"id": "i32"}})


def test_a_bomb_is_refused(folder: Path, land: Land) -> None:
    _replaced(folder, SHEET, b"</sheetData>", b"</sheetData>" + b" " * 30_000_000)
    source = {**SOURCE, "schema": {"id": "i32"}, "max_file_bytes": 1_000_000}
    with pytest.raises(SourceError, match="at most 1000000 bytes"):
        land(source)
    _replaced(folder, "xl/styles.xml", b"<styleSheet", b" " * 270_000_000 + b"<styleSheet")
    with pytest.raises(SourceError, match="256 MiB"):
        land(source)


def test_other_office_files_say_what_to_do(folder: Path, land: Land) -> None:
    (folder / "a.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    with pytest.raises(ConfigError, match="Save it as"):
        land({**SOURCE, "path": "a.xls"})


@pytest.mark.parametrize(
    "code",
    [
        *("General", "0", "0.00%", "#,##0.00 [$€-407]", '"day" 0', "0.00E+00", "@", "0\\d"),
        *("yyyy-mm-dd", "d/m/yy h:mm", "mmm-yy", "h:mm:ss", "mm:ss.0", "[$-409]d-mmm-yy;@"),
    ],
)
def test_formats_are_dates_where_openpyxl_says_so(code: str) -> None:
    assert (format_of(code) in {"date", "time"}) == is_date_format(code)
