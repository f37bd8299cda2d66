"""Dialects of delimited text: what other tools write is read as they meant it, or held back."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.ingest.config import FilesConfig
from tasks.ingest.csv_file import read_csv
from tests.unit.ingest.conftest import Land

SOURCE = {"kind": "files", "path": "a.csv", "schema": {"a": "str", "b": "str"}}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (r"x\,y,z", [("x,y", "z")]),
        (r'"x\"y",z', [('x"y', "z")]),
        (r'"x""y",z', [('x"y', "z")]),
        (r"\\,z", [("\\", "z")]),
        (r"\N,z", [(None, "z")]),
        (r"x,\N", [("x", None)]),
        (r'"\N",z', [("N", "z")]),
        ("x\\\ny,z", [("x\ny", "z")]),
        ('"x\\\ny",z', [("x\ny", "z")]),
        ("x,y\nplain,z", [("x", "y"), ("plain", "z")]),
    ],
)
def test_an_escape_takes_the_meaning_from_what_follows(
    text: str, rows: list[Any], folder: Path, land: Land
) -> None:
    (folder / "a.csv").write_text(f"a,b\n{text}\n")
    landing = land({**SOURCE, "escape": "\\", "nulls": ["\\N"]})
    assert landing.rows.select("a", "b").rows() == rows


def test_an_escape_at_the_end_of_a_file_is_held_back(folder: Path, land: Land) -> None:
    (folder / "a.csv").write_text("a,b\nx,y\nx,y\\\n")
    landing = land({**SOURCE, "escape": "\\"})
    assert landing.rows.height + landing.held.height == landing.ledger.rows_in == 2
    assert landing.rows["b"].to_list()[:1] == ["y"]


_FIELD = st.text(st.sampled_from('ab,;\\"\n N'), max_size=6)


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(st.tuples(_FIELD, _FIELD), min_size=1, max_size=5), doubled=st.booleans())
def test_what_python_writes_with_escapes_is_read_back(
    rows: list[tuple[str, str]], doubled: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(
            file,
            escapechar="\\",
            doublequote=doubled,
            quoting=csv.QUOTE_ALL if doubled else csv.QUOTE_MINIMAL,
            lineterminator="\n",
        )
        writer.writerows([("a", "b"), *rows])
    source = FilesConfig.model_validate({**SOURCE, "escape": "\\", "empty_text": "keep"})
    with path.open("rb") as stream:
        parts = list(read_csv(stream, "a.csv", source))
    assert not [held for part in parts for held in part.held]
    assert [row for part in parts for row in part.rows.select("a", "b").rows()] == rows


@pytest.mark.parametrize(
    ("options", "text", "value"),
    [
        ({"decimal": ","}, "1,5", 1.5),
        ({"decimal": ","}, "-1,5e3", -1500.0),
        ({"decimal": ","}, "1.5", None),
        ({"decimal": ",", "thousands": "."}, "1.234.567,5", 1234567.5),
        ({"decimal": ",", "thousands": "."}, "1234,5", 1234.5),
        ({"decimal": ",", "thousands": "."}, "1.5", None),
        ({"decimal": ",", "thousands": "."}, "1.23,5", None),
        ({"decimal": ",", "thousands": "."}, "1234.567", None),
        ({"thousands": ","}, "1,234", 1234.0),
        ({"thousands": ","}, "1,2345", None),
        ({"thousands": " "}, "1 234.5", 1234.5),
        ({"thousands": "'"}, "1'234", 1234.0),
        ({"decimal": ","}, ",", None),
    ],
)
def test_numbers_as_people_write_them(
    options: dict[str, Any], text: str, value: float | None, folder: Path, land: Land
) -> None:
    (folder / "a.csv").write_text(f"a;b\n{text};x\n")
    source = {**SOURCE, "delimiter": ";", **options}
    for kind in ("f64", "decimal(12,4)"):
        landing = land({**source, "schema": {"a": kind, "b": "str"}})
        if value is None or (kind != "f64" and "e" in text):
            assert landing.held["raw"].to_list() == [f"{text};x"]
        else:
            assert float(landing.rows["a"][0]) == value
    one = {"a": {"type": "f64", **options}, "b": "str"}
    assert land({**SOURCE, "delimiter": ";", "schema": one}).rows.height == (value is not None)


def test_booleans_as_people_write_them(folder: Path, land: Land) -> None:
    (folder / "a.csv").write_text("a,b\nja,x\nnein,x\nTRUE,x\n0,x\nvielleicht,x\n")
    schema = {"a": "bool", "b": "str"}
    landing = land({**SOURCE, "schema": schema, "true": ["ja"], "false": ["nein"]})
    assert landing.rows["a"].to_list() == [True, False, True, False]
    assert landing.held["line"].to_list() == [6]


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "latin-1", "cp037"]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encodings(encoding: str, newline: str, folder: Path, land: Land) -> None:
    text = newline.join(["a,b", "Zoë,x", '"über, all",y', ""])
    (folder / "a.csv").write_bytes(text.encode(encoding))
    landing = land({**SOURCE, "encoding": encoding})
    assert landing.rows.select("a", "b").rows() == [("Zoë", "x"), ("über, all", "y")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"escape": '"'},
        {"escape": ","},
        {"decimal": ";"},
        {"thousands": "."},
        {"thousands": "5"},
        {"trailer": "("},
        {"true": ["0"]},
        {"schema": {"a": {"type": "str", "decimal": ","}}},
    ],
)
def test_a_dialect_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        FilesConfig.model_validate({**SOURCE, "schema": {"a": "f64", "b": "bool"}, **wrong})
