from __future__ import annotations

import csv

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.report.export import neutralise, write_csv
from tests.unit.report import nights


def read(path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=cmd|' /C calc'!A0", "＝1+1"],  # noqa: RUF001
)
def test_a_formula_gets_an_apostrophe(tmp_path, text) -> None:
    write_csv(pl.LazyFrame({"a": [text]}), tmp_path / "a.csv")
    assert read(tmp_path / "a.csv")[1] == ["'" + text]


@pytest.mark.parametrize("text", ["-5", "+3.2", "-1.5e-7", "A=1", "", "85123A", "it's", "'=1"])
def test_other_text_stays_as_it_is(tmp_path, text) -> None:
    write_csv(pl.LazyFrame({"a": [text, "x"]}), tmp_path / "a.csv")
    assert read(tmp_path / "a.csv")[1] in ([text], [])


def test_headings_are_text_too(tmp_path) -> None:
    write_csv(pl.LazyFrame({"=1+1": [1]}), tmp_path / "a.csv")
    assert read(tmp_path / "a.csv")[0] == ["'=1+1"]


def test_lists_and_structs_become_json(tmp_path) -> None:
    write_csv(nights.scores_frame().lazy().head(1), tmp_path / "scores.csv")
    head, row = read(tmp_path / "scores.csv")
    reasons = row[head.index("reasons")]
    assert reasons.startswith('[{"feature":')
    assert reasons.endswith("}]")


def test_bytes_become_base64(tmp_path) -> None:
    write_csv(pl.LazyFrame({"a": [b"\x00\xff", None]}), tmp_path / "a.csv")
    assert read(tmp_path / "a.csv")[1:] == [["AP8="], []]


def test_what_bytes_and_categories_are_written_as_is_no_formula_either(tmp_path) -> None:
    table = pl.LazyFrame({"a": [b"\xf8\x00\x00"], "b": ["=1"], "c": ["=1"]})
    table = table.cast({"b": pl.Categorical, "c": pl.Enum(["=1"])})
    write_csv(table, tmp_path / "a.csv")
    assert read(tmp_path / "a.csv")[1] == ["'+AAA", "'=1", "'=1"]


def test_missing_values_are_empty(tmp_path) -> None:
    frame = pl.LazyFrame(
        {"a": [None, "x"], "b": [[1], None]}, schema={"a": pl.String, "b": pl.List(pl.Int64)}
    )
    write_csv(frame, tmp_path / "a.csv")
    assert read(tmp_path / "a.csv")[1:] == [["", "[1]"], ["x", ""]]


@settings(max_examples=300)
@given(st.text(max_size=12))
def test_nothing_that_is_left_starts_a_formula(text) -> None:
    out = pl.select(neutralise(pl.lit(text))).item()
    assert out in (text, "'" + text)
    if out[:1] in tuple("=+-@\t\r\n"):
        float(out)
