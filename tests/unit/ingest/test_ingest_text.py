"""Text becomes a value of its declared type exactly, or its row is named."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from pydantic import ValidationError

from tasks.ingest.schema import ColumnType
from tasks.ingest.text import read

BAD = object()
BERLIN = ZoneInfo("Europe/Berlin")


def _read_one(text: str, column: ColumnType) -> Any:
    typed = read(pl.DataFrame({"c": [text]}), {"c": column})
    assert typed.rows.schema["c"] == column.dtype
    if typed.failed is None:
        return typed.rows["c"].to_list()[0]
    assert typed.rows["c"].to_list() == [None]
    assert typed.failed.to_list() == [True]
    assert repr(text) in typed.reasons[0][0]
    return BAD


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("str", "01234", "01234"),
        ("str", " a ", " a "),
        ("str", "", None),
        ("i32", "12", 12),
        ("i32", "-7", -7),
        ("i32", "+7", 7),
        ("i32", "0", 0),
        ("i32", "-0", 0),
        ("i32", "", None),
        ("i32", "01234", BAD),
        ("i32", "-01", BAD),
        ("i32", " 12", BAD),
        ("i32", "12 ", BAD),
        ("i32", "1e3", BAD),
        ("i32", "5.0", BAD),
        ("i32", "1_000", BAD),
        ("i32", "1,000", BAD),
        ("i32", "١٢", BAD),
        ("i32", "2147483647", 2147483647),
        ("i32", "2147483648", BAD),
        ("i8", "-128", -128),
        ("i8", "128", BAD),
        ("u8", "255", 255),
        ("u8", "-1", BAD),
        ("u64", "18446744073709551615", 18446744073709551615),
        ("u64", "18446744073709551616", BAD),
        ("i64", "-9223372036854775808", -9223372036854775808),
        ("f64", "1e3", 1000.0),
        ("f64", "-.5", -0.5),
        ("f64", "1.", 1.0),
        ("f64", "0.1", 0.1),
        ("f64", "nan", BAD),
        ("f64", "inf", BAD),
        ("f64", "-Infinity", BAD),
        ("f64", "1e400", BAD),
        ("f64", "1,5", BAD),
        ("f64", " 1.5", BAD),
        ("f64", "0x10", BAD),
        ("f32", "1e39", BAD),
        ("bool", "true", True),
        ("bool", "FALSE", False),
        ("bool", "1", True),
        ("bool", "yes", BAD),
        ("bool", "10", BAD),
        ("date", "2024-02-29", dt.date(2024, 2, 29)),
        ("date", "2023-02-29", BAD),
        ("date", "2024-1-1", BAD),
        ("date", " 2024-01-01", BAD),
        ("date", "0000-01-01", BAD),
        ("date", "2024-01-01T00:00:00", BAD),
        ("datetime", "2024-01-02 03:04:05", dt.datetime(2024, 1, 2, 3, 4, 5)),
        ("datetime", "2024-01-02T03:04:05", dt.datetime(2024, 1, 2, 3, 4, 5)),
        ("datetime", "2024-01-02 03:04", dt.datetime(2024, 1, 2, 3, 4)),
        ("datetime", "2024-01-02T03:04:05.5", dt.datetime(2024, 1, 2, 3, 4, 5, 500_000)),
        ("datetime", "2024-01-02T03:04:05.1234560", dt.datetime(2024, 1, 2, 3, 4, 5, 123_456)),
        ("datetime", "2024-01-02T03:04:05.1234567", BAD),
        ("datetime", "2024-01-02 23:59:60", BAD),
        ("datetime", "2024-01-02 24:00:00", BAD),
        ("datetime", "2024-01-02", BAD),
        ("datetime", "2024-01-02 03:04:05Z", BAD),
        ("datetime", "2024-01-02 03:04:05+02:00", BAD),
        ("datetime", "2024-1-2 03:04:05", BAD),
        ("datetime", "12024-01-02 03:04:05", BAD),
        ("time", "03:04", dt.time(3, 4)),
        ("time", "03:04:05.25", dt.time(3, 4, 5, 250_000)),
        ("time", "24:00", BAD),
        ("time", "10:00:60", BAD),
        ("decimal(6, 2)", "1.20", Decimal("1.20")),
        ("decimal(6, 2)", "1.2300", Decimal("1.23")),
        ("decimal(6, 2)", "1.234", BAD),
        ("decimal(6, 2)", "12345.00", BAD),
        ("decimal(6, 2)", "1e2", BAD),
    ],
)
def test_a_text_says_its_value_exactly_or_fails(kind: str, text: str, value: Any) -> None:
    assert _read_one(text, ColumnType(type=kind)) == value or (
        value is BAD and _read_one(text, ColumnType(type=kind)) is BAD
    )


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        (
            {"type": "datetime", "format": "%d/%m/%Y %H:%M"},
            "1/12/2010 8:26",
            dt.datetime(2010, 12, 1, 8, 26),
        ),
        ({"type": "datetime", "format": "%d/%m/%Y %H:%M"}, "32/12/2010 8:26", BAD),
        ({"type": "datetime", "format": "%d/%m/%Y %H:%M"}, " 1/12/2010 8:26", BAD),
        ({"type": "datetime", "format": "%d/%m/%Y %H:%M"}, "1/12/2010 8:26 x", BAD),
        ({"type": "date", "format": "%Y%m%d"}, "20240131", dt.date(2024, 1, 31)),
        ({"type": "i32", "leading_zeros": True}, "007", 7),
        (
            {"type": "datetime", "timezone": "Europe/Berlin"},
            "2024-07-01T10:00:00Z",
            dt.datetime(2024, 7, 1, 12, tzinfo=BERLIN),
        ),
        (
            {"type": "datetime", "timezone": "Europe/Berlin"},
            "2024-07-01 10:00:00.5-01:30",
            dt.datetime(2024, 7, 1, 13, 30, 0, 500_000, tzinfo=BERLIN),
        ),
        (
            {"type": "datetime", "timezone": "Europe/Berlin"},
            "2024-07-01 10:00",
            dt.datetime(2024, 7, 1, 10, tzinfo=BERLIN),
        ),
        ({"type": "datetime", "timezone": "Europe/Berlin"}, "2024-03-31 02:30:00", BAD),
        ({"type": "datetime", "timezone": "Europe/Berlin"}, "2024-10-27 02:30:00", BAD),
        (
            {"type": "datetime", "timezone": "Europe/Berlin", "format": "%d.%m.%Y %H:%M"},
            "01.07.2024 10:00",
            dt.datetime(2024, 7, 1, 10, tzinfo=BERLIN),
        ),
    ],
)
def test_a_declared_format_or_zone_is_followed(
    column: dict[str, Any], text: str, value: Any
) -> None:
    assert _read_one(text, ColumnType(**column)) == value


def test_texts_that_mean_null_are_null_and_empty_text_can_be_kept() -> None:
    texts = pl.DataFrame({"a": ["NA", "", "x"], "b": ["NA", "", "1"]})
    columns = {"a": ColumnType(type="str"), "b": ColumnType(type="i8")}
    typed = read(texts, columns, nulls=["NA"], keep_empty=True)
    assert typed.failed is None
    assert typed.rows.rows() == [(None, None), ("", None), ("x", 1)]


def test_every_failing_column_of_a_row_is_named() -> None:
    texts = pl.DataFrame({"a": ["x", "1", "2"], "b": ["y", "z", "0.5"], "_line": [2, 3, 4]})
    typed = read(texts, {"a": ColumnType(type="i8"), "b": ColumnType(type="f64")})
    assert typed.failed is not None
    assert typed.failed.to_list() == [True, True, False]
    assert [len(reasons) for reasons in typed.reasons] == [2, 1]
    assert typed.reasons[1][0].startswith("b: 'z'")
    assert typed.rows.columns == ["a", "b", "_line"]


@pytest.mark.parametrize(
    "column",
    [
        {"type": "int"},
        {"type": "decimal(2,3)"},
        {"type": "decimal(39,3)"},
        {"type": "str", "format": "%d"},
        {"type": "f64", "leading_zeros": True},
        {"type": "date", "timezone": "UTC"},
    ],
)
def test_a_type_that_cannot_be_is_refused(column: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ColumnType(**column)


def test_datetimes_of_both_spellings_stand_in_one_column() -> None:
    column = ColumnType(type="datetime")
    for first, second in (("T", " "), (" ", "T")):
        written = [
            None,
            f"2024-01-02{first}03:04:05",
            f"2024-01-02{second}03:04:06",
            "0000-01-01T00:00:00",
        ]
        typed = read(pl.DataFrame({"at": written}), {"at": column})
        assert typed.rows["at"].to_list() == [
            None,
            dt.datetime(2024, 1, 2, 3, 4, 5),
            dt.datetime(2024, 1, 2, 3, 4, 6),
            None,
        ]
        assert typed.failed is not None
        assert typed.failed.to_list() == [False, False, False, True]
