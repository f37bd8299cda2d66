"""Delimited files land typed; what cannot be read exactly is held back with its reason."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from tasks.core.errors import SchemaDriftError, SourceError, SourceMissingError
from tests.unit.ingest.conftest import Land

SCHEMA = {"id": "i32", "name": "str", "price": "f64"}
SOURCE: dict[str, Any] = {"kind": "files", "path": "{date}/*", "format": "csv", "schema": SCHEMA}


@pytest.fixture
def drop(folder: Path) -> Any:
    """Write a file of the batch date."""

    def write(content: bytes | str, name: str = "a.csv") -> Path:
        path = folder / "2010-01-04" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_rows_land_typed_with_their_file_and_line(drop: Any, land: Land) -> None:
    drop("id,name,price\n1,Anna,2.5\n2,,\n")
    landing = land(SOURCE)
    assert landing.rows.rows() == [
        (1, "Anna", 2.5, "2010-01-04/a.csv", 2),
        (2, None, None, "2010-01-04/a.csv", 3),
    ]
    assert landing.rows.columns == ["id", "name", "price", "_source", "_line"]
    assert (landing.ledger.rows_in, landing.ledger.rows_out) == (2, 2)


def test_columns_may_come_in_any_order(drop: Any, land: Land) -> None:
    drop("price,id,name\n2.5,1,Anna\n")
    assert land(SOURCE).rows.row(0)[:3] == (1, "Anna", 2.5)


def test_files_are_read_in_the_order_of_their_names(drop: Any, land: Land) -> None:
    drop("id,name,price\n2,b,0\n", "b.csv")
    drop("id,name,price\n1,a,0\n", "a.csv")
    drop("id,name,price\n9,x,0\n", ".a.csv.part")
    assert land(SOURCE).rows["id"].to_list() == [1, 2]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x,Anna,2.5", "id: 'x' is not i32"),
        ("01,Anna,2.5", "id: '01' is not i32 without leading zeros"),
        ("1,Anna", "2 fields, 3 are declared"),
        ("1,Anna,2.5,4", "4 fields, 3 are declared"),
        ('1,"Anna,2.5', "quotes that do not close rightly"),
        ('1,"Anna"x,2.5', "quotes that do not close rightly"),
        ("1,An\0na,2.5", "a NUL byte"),
        ('1,"An\0na",2.5', "a NUL byte"),
        (b"1,An\xffna,2.5", "bytes that are not text in the declared encoding"),
        (b'1,"An\xffna",2.5', "bytes that are not text in the declared encoding"),
        ("1,An\rna,2.5", "a carriage return inside the line"),
        ("1,Anna,nan", "price: 'nan' is not f64"),
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_a_damaged_line_is_held_back_alone(
    line: str | bytes, reason: str, last: bool, drop: Any, land: Land
) -> None:
    raw = line if isinstance(line, bytes) else line.encode()
    after = b"" if last else b'8,"c ""d""",1\n'
    drop(b"id,name,price\n7,ok,1\n" + raw + b"\n" + after)
    landing = land(SOURCE)
    assert landing.rows["id"].to_list() == ([7] if last else [7, 8])
    assert landing.held["line"].to_list() == [3]
    assert reason in landing.held["reasons"][0][0]
    assert landing.held["raw"].to_list() == [raw.decode("utf-8", "backslashreplace")]
    assert landing.held["source"].to_list() == ["2010-01-04/a.csv"]
    assert landing.ledger.rows_in == landing.ledger.rows_out + 1


def test_a_quoted_text_may_hold_delimiters_quotes_and_newlines(drop: Any, land: Land) -> None:
    drop('id,name,price\r\n1,"a, ""b""\r\nc",2\r\n2,5" nail,3\r\n3,"",4\r\n')
    landing = land(SOURCE)
    assert landing.held.is_empty()
    assert landing.rows.select("id", "name", "_line").rows() == [
        (1, 'a, "b"\r\nc', 2),
        (2, '5" nail', 4),
        (3, None, 5),
    ]


def test_a_value_that_fails_in_a_record_of_several_lines_is_held_back_whole(
    drop: Any, land: Land
) -> None:
    drop('id,name,price\n1,"a\nb",x\n2,c,1\n')
    landing = land(SOURCE)
    assert landing.held.select("line", "raw").rows() == [(2, '1,"a\nb",x')]
    assert landing.rows["_line"].to_list() == [4]


@pytest.mark.parametrize("row", ["2,Bo,2", '2,"Bo","2"', '2,"B\no",2', "2,Bo"])
def test_a_last_line_without_its_newline_is_held_back(row: str, drop: Any, land: Land) -> None:
    drop("id,name,price\n1,Anna,2.5\n" + row)
    landing = land(SOURCE)
    assert landing.rows["id"].to_list() == [1]
    assert landing.held["raw"].to_list() == [row]
    assert "without a newline" in landing.held["reasons"][0][-1]


def test_a_last_line_without_its_newline_is_taken_where_that_is_agreed(
    drop: Any, land: Land
) -> None:
    drop("id,name,price\n1,Anna,2.5")
    assert land({**SOURCE, "final_newline": "optional"}).rows.height == 1


def test_blank_lines_and_comments_are_no_records_but_are_counted_as_lines(
    drop: Any, land: Land
) -> None:
    drop('# made by hand\nid,name,price\n\n# first\n1,"#a",1\n\n2,b,2\n')
    landing = land({**SOURCE, "comment": "#"})
    assert landing.rows.select("id", "_line").rows() == [(1, 5), (2, 7)]
    assert landing.ledger.rows_in == 2


def test_a_file_without_a_header_takes_its_columns_from_the_schema(drop: Any, land: Land) -> None:
    drop("1,Anna,2.5\n")
    landing = land({**SOURCE, "header": False})
    assert landing.rows.row(0) == (1, "Anna", 2.5, "2010-01-04/a.csv", 1)


@pytest.mark.parametrize("content", ["", "\n", "\r\n\r\n"])
def test_an_empty_file_holds_no_rows_without_a_header_and_is_refused_with_one(
    content: str, drop: Any, land: Land
) -> None:
    drop(content)
    assert land({**SOURCE, "header": False}).rows.is_empty()
    with pytest.raises(SourceError, match="no line at all"):
        land(SOURCE)


def test_a_header_alone_is_no_rows(drop: Any, land: Land) -> None:
    drop("id,name,price\n")
    landing = land(SOURCE)
    assert landing.rows.is_empty()
    assert landing.ledger.rows_in == 0


def test_a_single_column_keeps_its_blank_lines_as_nulls(drop: Any, land: Land) -> None:
    drop("name\na\n\nb\n")
    landing = land({**SOURCE, "schema": {"name": "str"}})
    assert landing.rows["name"].to_list() == ["a", None, "b"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
def test_encodings(encoding: str, drop: Any, land: Land) -> None:
    drop("id,name,price\n1,Zoë €,2\n2,über,3\n".encode(encoding))
    landing = land({**SOURCE, "encoding": encoding})
    assert landing.rows["name"].to_list() == ["Zoë €", "über"]


def test_a_byte_unknown_to_the_encoding_holds_back_its_row(drop: Any, land: Land) -> None:
    drop("id,name,price\n1,Zoë,2\n".encode("cp1252") + b"2,\x81,3\n")
    landing = land({**SOURCE, "encoding": "cp1252"})
    assert landing.rows["name"].to_list() == ["Zoë"]
    assert landing.held["raw"].to_list() == ["2,\\x81,3"]


def test_utf16_that_was_not_declared_is_named(drop: Any, land: Land) -> None:
    drop("id,name,price\n".encode("utf-16"))
    with pytest.raises(SourceError, match="encoding: utf-16"):
        land(SOURCE)


def test_other_dialects(drop: Any, land: Land) -> None:
    drop("id;name;price\n1;'a;''b';2\n")
    landing = land({**SOURCE, "delimiter": ";", "quote": "'"})
    assert landing.rows["name"].to_list() == ["a;'b"]
    drop('id\tname\tprice\n1\t"a\t2\n')
    landing = land({**SOURCE, "format": "tsv", "quote": None})
    assert landing.rows["name"].to_list() == ['"a']


def test_texts_that_mean_null(drop: Any, land: Land) -> None:
    drop("id,name,price\nNA,NA,\n")
    assert land({**SOURCE, "nulls": ["NA"]}).rows.row(0)[:3] == (None, None, None)
    drop("id,name,price\n1,,2\n")
    assert land({**SOURCE, "empty_text": "keep"}).rows["name"].to_list() == [""]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_are_read_and_damaged_ones_refused(
    compress: Any, drop: Any, land: Land
) -> None:
    rows = "".join(f"{i},name {i * 7919},{i / 7}\n" for i in range(5000))
    packed = compress(("id,name,price\n" + rows).encode())
    drop(packed, "a.csv.gz")
    assert land(SOURCE).rows.height == 5000
    for damaged in (
        packed[: len(packed) // 2],
        packed[:-4],
        packed[: len(packed) // 2] + b"\xff\x00" * 20 + packed[len(packed) // 2 + 40 :],
    ):
        drop(damaged, "a.csv.gz")
        with pytest.raises(SourceError, match="damaged"):
            land(SOURCE)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("id,name", "'price' is missing"),
        ("id,Name,price", "'name' is missing \\(renamed to 'Name'\\?\\)"),
        ("id,name,unit_price", "renamed to 'unit_price'"),
        ("id,name,price,new", "'new' is not declared"),
        ("id,name,price,name", "'name' stands there twice"),
        ("1,Anna,2.5", "'id' is missing"),
    ],
)
def test_a_header_that_drifted_is_refused(header: str, told: str, drop: Any, land: Land) -> None:
    drop(header + "\n1,Anna,2.5\n")
    with pytest.raises(SchemaDriftError, match=told):
        land(SOURCE)


def test_new_columns_are_left_out_where_drift_is_ignored(drop: Any, land: Land) -> None:
    drop("new,id,_line,name,price\n9,1,77,Anna,2.5\n")
    landing = land({**SOURCE, "drift": "ignore"})
    assert landing.rows.row(0) == (1, "Anna", 2.5, "2010-01-04/a.csv", 2)
    drop("new,id,name\n9,1,Anna\n")
    with pytest.raises(SchemaDriftError, match="'price' is missing"):
        land({**SOURCE, "drift": "ignore"})


def test_a_missing_file_says_how_far_the_path_leads(folder: Path, land: Land) -> None:
    with pytest.raises(SourceMissingError, match="no 2010-01-04 in"):
        land(SOURCE)
    (folder / "2010-01-04").mkdir()
    with pytest.raises(SourceMissingError, match="no file that fits"):
        land(SOURCE)


def test_a_date_in_the_name_can_be_spelled(folder: Path, land: Land) -> None:
    (folder / "x_20100104.csv").write_text("id,name,price\n1,a,1\n")
    assert land({**SOURCE, "path": "x_{date:%Y%m%d}.csv"}).rows.height == 1


def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path: Path, land: Land) -> None:
    (tmp_path / "secret.csv").write_text("id,name,price\n1,a,1\n")
    (folder / "2010-01-04").mkdir()
    (folder / "2010-01-04" / "a.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(SourceError, match="link out of it"):
        land(SOURCE)


def test_a_row_group_of_many_blocks_keeps_its_order(
    drop: Any, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.ingest.decoding._BLOCK_BYTES", 64)
    lines = [f'{i},"a\n{i}",1' if i % 7 == 0 else f"{i},b,{i}" for i in range(500)]
    drop("id,name,price\n" + "\n".join(lines) + "\n")
    landing = land(SOURCE)
    assert landing.rows["id"].to_list() == list(range(500))
    numbers = pl.Series([1 + line.count("\n") for line in lines]).cum_sum() + 2
    assert landing.rows["_line"].to_list() == [2, *numbers.to_list()[:-1]]


def test_a_file_cut_within_its_header_is_refused(drop: Any, land: Land) -> None:
    drop("id,name,price")
    with pytest.raises(SourceError, match="ends within its first line"):
        land(SOURCE)
    assert land({**SOURCE, "final_newline": "optional"}).ledger.rows_in == 0
    drop("id,name,price\n")
    assert land(SOURCE).ledger.rows_in == 0


def test_zstandard_that_begins_with_a_frame_to_skip(drop: Any, land: Land) -> None:
    """Parallel tools write one first."""
    skipped = b"\x50\x2a\x4d\x18\x04\0\0\0size"
    drop(skipped + pa.compress(b"id,name,price\n1,a,1\n", "zstd", asbytes=True), "a.csv.zst")
    assert land(SOURCE).rows["id"].to_list() == [1]
