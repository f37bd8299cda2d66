"""Every file format gives the same rows, and a damaged file is refused or held back."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import random
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.core.errors import (
    ConfigError,
    SchemaDriftError,
    SourceError,
    SourceMissingError,
    SourceUnavailableError,
)
from tasks.ingest.config import FilesConfig
from tasks.ingest.files import read_files
from tests.unit.ingest.conftest import Land

SCHEMA = {"id": "i32", "name": "str", "price": "f64", "at": "datetime"}
ROWS = pl.DataFrame(
    {
        "id": [1, 2, 3],
        "name": ["Anna", None, "Zoë"],
        "price": [0.5, 2.0, None],
        "at": [dt.datetime(2010, 1, 4, 10), None, dt.datetime(2010, 1, 4, 11, 30, 0, 250_000)],
    },
    schema={"id": pl.Int32, "name": pl.String, "price": pl.Float64, "at": pl.Datetime("us")},
)
_TEXT = pl.col("at").dt.to_string("%Y-%m-%d %H:%M:%S%.6f")


def _csv(path: Path) -> None:
    ROWS.write_csv(path, datetime_format="%Y-%m-%d %H:%M:%S%.6f")


def _zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.csv", ROWS.with_columns(_TEXT).write_csv())


def _zstd(path: Path) -> None:
    content = pa.compress(ROWS.with_columns(_TEXT).write_csv().encode(), "zstd", asbytes=True)
    path.write_bytes(content)


def _fixed(path: Path) -> None:
    lines = ["   1Anna 0.50 2010-01-04T10:00", "   2     2.00                 "]
    path.write_text("\n".join([*lines, "   3Zoë        2010-01-04 11:30:00.25", ""]))


WRITERS: dict[str, Callable[[Path], None]] = {
    "a.csv": _csv,
    "a.csv.zip": _zipped,
    "a.csv.zst": _zstd,
    "a.ndjson": lambda path: ROWS.with_columns(_TEXT).write_ndjson(path),
    "a.json": lambda path: path.write_text(json.dumps(ROWS.with_columns(_TEXT).to_dicts())),
    "a.parquet": lambda path: ROWS.write_parquet(path),
    "a.arrow": lambda path: ROWS.write_ipc(path),
    "a.feather": lambda path: ROWS.write_ipc_stream(path),
    "a.avro": lambda path: ROWS.write_avro(path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_rows(name: str, folder: Path, land: Land) -> None:
    WRITERS[name](folder / name)
    landing = land({"kind": "files", "path": "a.*", "schema": SCHEMA})
    assert landing.rows.drop("_source", "_line").equals(ROWS)
    assert landing.ledger.rows_in == 3
    assert landing.held.is_empty()


@pytest.mark.parametrize("name", sorted(set(WRITERS) - {"a.csv"}))
def test_a_cut_or_flipped_file_is_never_read_with_other_rows(name: str, folder: Path) -> None:
    """Rows are those that were written, or held back, or the file is refused."""
    path = folder / name
    WRITERS[name](path)
    content = path.read_bytes()
    source = FilesConfig.model_validate({"kind": "files", "path": "a.*", "schema": SCHEMA})
    chance = random.Random(7)
    for _ in range(25):
        path.write_bytes(content[: chance.randrange(len(content))])
        try:
            parts = list(read_files(source, dt.date(2010, 1, 4), folder))
        except (SourceError, SchemaDriftError):
            continue
        rows = pl.concat([part.rows for part in parts])
        assert sum(part.seen for part in parts) == rows.height + sum(len(p.held) for p in parts)
        good = ROWS.with_row_index().filter(pl.col("index") < rows.height).drop("index")
        assert rows.select(ROWS.columns).equals(good)


def test_a_flipped_bit_in_a_checksummed_parquet_page_is_refused(folder: Path, land: Land) -> None:
    frame = pl.DataFrame({"id": range(10_000)}, schema={"id": pl.Int32})
    path = folder / "a.parquet"
    pq.write_table(frame.to_arrow(), path, compression="none", write_page_checksum=True)
    content = bytearray(path.read_bytes())
    content[2_000] ^= 1
    path.write_bytes(content)
    with pytest.raises(SourceError, match="whole parquet file"):
        land({"kind": "files", "path": "a.*", "schema": {"id": "i32"}})


def test_ndjson_lines_are_read_one_by_one(folder: Path, land: Land) -> None:
    (folder / "a.ndjson").write_text(
        '{"id": 1, "name": "a"}\n\n{"id": 2, "name"\n{"id": "3", "name": "c"}\n[4]\n'
        '{"id": 5, "id": 6, "name": "e"}\n{"id": 7, "name": "g", "new": 1}\n{"id": 8, "name": "h"}'
    )
    source = {"kind": "files", "path": "a.*", "schema": {"id": "i32", "name": "str"}}
    landing = land(source)
    assert landing.rows["id"].to_list() == [1]
    assert landing.held["line"].to_list() == [3, 4, 5, 6, 7, 8]
    assert landing.ledger.rows_in == 7
    assert land({**source, "drift": "ignore"}).rows["_line"].to_list() == [1, 7]


def test_typed_columns_are_taken_where_nothing_is_lost(folder: Path, land: Land) -> None:
    pl.DataFrame(
        {
            "small": [1, 40_000],
            "ratio": [1.0, 2.5],
            "price": [Decimal("1.50"), Decimal("2.25")],
            "at": [dt.date(2010, 1, 4)] * 2,
        },
        schema={"small": pl.Int64, "ratio": pl.Float64, "price": pl.Decimal(10, 2), "at": pl.Date},
    ).write_parquet(folder / "a.parquet")
    schema = {"at": "datetime", "small": "i16", "ratio": "f32", "price": "decimal(6,2)"}
    landing = land({"kind": "files", "path": "a.*", "schema": schema})
    assert landing.rows.row(0)[:4] == (dt.datetime(2010, 1, 4), 1, 1.0, Decimal("1.50"))
    assert landing.held["reasons"].to_list() == [["small: does not fit i16"]]
    assert landing.held["line"].to_list() == [2]


@pytest.mark.parametrize("schema", [{"id": "str"}, {"id": "date"}, {"other": "i32"}])
def test_typed_columns_of_another_kind_are_refused(
    schema: dict[str, str], folder: Path, land: Land
) -> None:
    pl.DataFrame({"id": [1]}).write_parquet(folder / "a.parquet")
    with pytest.raises(SchemaDriftError):
        land({"kind": "files", "path": "a.*", "schema": schema})


@pytest.mark.parametrize(("unit", "seconds"), [("s", 1), ("ms", 1000), ("us", 1_000_000)])
def test_dates_beyond_the_year_9999_are_held_back(
    unit: str, seconds: int, folder: Path, land: Land
) -> None:
    """One of those in seconds would wrap, counted finer, to a day of our own."""
    wraps = (2**64 // 1_000_000 + 86_400) * 1000 if unit == "s" else 300_000_000_000 * seconds
    at = pa.array([wraps, None, 86_400 * seconds], pa.timestamp(unit))
    table = pa.table({"id": pa.array([1, 2, 3], pa.int32()), "at": at})
    path = str(folder / "a.arrow")
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table)
    source = {"kind": "files", "path": "a.*", "schema": {"id": "i32", "at": "datetime"}}
    landing = land(source)
    assert landing.rows["at"].to_list() == [None, dt.datetime(1970, 1, 2)]
    assert landing.held["reasons"].to_list() == [["at: does not fit datetime"]]
    assert "beyond the years 1 to 9999" in landing.held["raw"][0]


def test_a_parquet_file_without_rows_holds_none(folder: Path, land: Land) -> None:
    pq.write_table(ROWS.clear().to_arrow(), folder / "a.parquet")
    assert land({"kind": "files", "path": "a.*", "schema": SCHEMA}).rows.is_empty()


def test_fixed_width(folder: Path, land: Land) -> None:
    lines = ["id  name price", "0001Anna  0.50", "   2Zoë   2.00", "3", "   xBo    1.00", ""]
    (folder / "a.txt").write_text("\n".join(lines))
    source = {
        "kind": "files",
        "path": "a.txt",
        "format": "fixed",
        "widths": [4, 4, 6],
        "schema": {"id": {"type": "i32", "leading_zeros": True}, "name": "str", "price": "f64"},
    }
    landing = land(source)
    assert landing.rows.drop("_source").rows() == [(1, "Anna", 0.5, 2), (2, "Zoë", 2.0, 3)]
    assert landing.held["line"].to_list() == [4, 5]
    assert landing.held["reasons"][0][0] == "1 characters, 14 are declared"


def test_a_json_document_can_hold_its_records_anywhere(folder: Path, land: Land) -> None:
    (folder / "a.json").write_text('{"data": {"rows": [{"id": 1}]}}')
    source = {"kind": "files", "path": "a.json", "schema": {"id": "i32"}}
    assert land({**source, "records": "/data/rows"}).rows.height == 1
    with pytest.raises(SourceError, match="a list of records"):
        land(source)


@pytest.mark.parametrize("kind", ["gzip", "zip", "parquet"])
def test_a_bomb_is_refused_before_it_goes_off(kind: str, folder: Path, land: Land) -> None:
    text = b"id\n" + b"1\n" * 20_000_000
    if kind == "gzip":
        (folder / "a.csv").write_bytes(gzip.compress(text, 1))
    elif kind == "zip":
        with zipfile.ZipFile(folder / "a.csv", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", text)
    else:
        frame = pl.DataFrame({"id": pl.Series([1] * 5_000_000, dtype=pl.Int32)})
        frame.write_parquet(folder / "a.parquet")
    source = {"kind": "files", "path": "a.*", "schema": {"id": "i32"}, "max_file_bytes": 1000}
    with pytest.raises(SourceError, match="at most 1000 bytes"):
        land(source)


def test_two_files_in_an_archive_are_refused(folder: Path, land: Land) -> None:
    with zipfile.ZipFile(folder / "a.csv.zip", "w") as archive:
        archive.writestr("a.csv", "id\n1\n")
        archive.writestr("b.csv", "id\n1\n")
    with pytest.raises(SourceError, match="2 files in the archive"):
        land({"kind": "files", "path": "a.*", "schema": {"id": "i32"}})


def test_nothing_is_read_before_the_drop_is_said_to_be_complete(folder: Path, land: Land) -> None:
    (folder / "a.csv").write_text("id\n1\n")
    source = {"kind": "files", "path": "*", "schema": {"id": "i32"}, "ready": "_SUCCESS"}
    with pytest.raises(SourceMissingError, match="drop is complete"):
        land(source)
    (folder / "_SUCCESS").touch()
    (folder / "b.csv.part").touch()
    assert land(source).rows.height == 1


def test_a_file_that_changes_while_it_is_read_is_refused(folder: Path) -> None:
    path = folder / "a.csv"
    path.write_text("id\n1\n")
    source = FilesConfig.model_validate({"kind": "files", "path": "*", "schema": {"id": "i32"}})
    parts = read_files(source, dt.date(2010, 1, 4), folder)
    next(parts)
    path.write_text("id\n1\n2\n")
    with pytest.raises(SourceUnavailableError, match="it changed"):
        list(parts)


def test_a_name_without_a_known_ending_needs_a_format(folder: Path, land: Land) -> None:
    (folder / "a.unknown").write_text("id\n1\n")
    source = {"kind": "files", "path": "*", "schema": {"id": "i32"}}
    with pytest.raises(ConfigError, match="Set format"):
        land(source)
    assert land({**source, "format": "csv"}).rows.height == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "/etc/passwd"},
        {"path": "../x"},
        {"path": "a/../../x"},
        {"path": "~/x"},
        {"path": "a\\..\\x"},
        {"path": "{secret}"},
        {"ready": "../x"},
        {"format": "fixed"},
        {"format": "fixed", "widths": [1, 2]},
        {"encoding": "klingon"},
        {"encoding": "base64"},
        {"delimiter": '"'},
        {"delimiter": "\n"},
        {"schema": {"_line": "i32"}},
        {"schema": {}},
        {"key": ["other"]},
        {"unknown": 1},
    ],
)
def test_a_declaration_that_cannot_be_is_refused(wrong: dict[str, Any], land: Land) -> None:
    with pytest.raises(ValueError, match="validation error"):
        land({"kind": "files", "path": "a", "schema": {"id": "i32"}, **wrong})
