"""Bytes land as they are, or by their encoding; nothing else is taken for bytes."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import fastavro
import openpyxl
import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pymysql
import pytest
from sqlalchemy.engine import make_url

from tasks.core.binary import MAX_SHOWN_BYTES
from tasks.core.errors import SchemaDriftError
from tasks.ingest.schema import ColumnType
from tests.unit.ingest.conftest import Land, Landing

TOKENS = [bytes(range(256)), b"", b"\xc3\xa9", None]
LONG = b"\xff" * (MAX_SHOWN_BYTES + 1)
SCHEMA = {"id": "i32", "token": "binary"}
QUERY = "select id, token from t order by id"


def _sql(url: str, **changes: Any) -> dict[str, Any]:
    return {"kind": "sql", "url": url, "query": QUERY, "schema": SCHEMA, **changes}


def _files(path: str, token: Any = "binary", **changes: Any) -> dict[str, Any]:
    return {"kind": "files", "path": path, "schema": {"id": "i32", "token": token}, **changes}


def _check(landing: Landing, tokens: list[bytes | None] = TOKENS) -> None:
    assert landing.held.rows() == []
    assert landing.rows.schema["token"] == pl.Binary
    assert landing.rows["token"].to_list() == tokens


@pytest.fixture
def sqlite(folder: Path) -> Path:
    with closing(sqlite3.connect(folder / "t.db")) as database, database:
        database.execute("create table t (id integer, token blob)")
        database.executemany("insert into t values (?, ?)", enumerate(TOKENS))
    return folder / "t.db"


def test_bytea_of_postgresql_lands(postgres: str, land: Land) -> None:
    with psycopg.connect(postgres, autocommit=True) as database:
        database.execute("drop table if exists t")
        database.execute("create table t (id int4, token bytea)")
        database.cursor().executemany("insert into t values (%s, %s)", list(enumerate(TOKENS)))
    for url in (postgres, postgres.replace("postgresql:", "postgresql+psycopg:", 1)):
        _check(land(_sql("${DB}"), {"DB": url}))


def test_blobs_of_duckdb_land(folder: Path, land: Land) -> None:
    with duckdb.connect(str(folder / "t.duckdb")) as database:
        database.execute("create table t (id integer, token blob)")
        database.executemany("insert into t values (?, ?)", list(enumerate(TOKENS)))
    _check(land(_sql("duckdb:///t.duckdb")))


def test_blobs_of_sqlite_land(sqlite: Path, land: Land) -> None:
    _check(land(_sql("sqlite:///t.db")))


@pytest.mark.parametrize("kind", ["blob", "varbinary(300)"])
def test_bytes_of_mariadb_land(kind: str, mariadb: str, land: Land) -> None:
    url = make_url(mariadb)
    with pymysql.connect(host=url.host, port=url.port or 0, user="root", db="shop") as database:
        cursor = database.cursor()
        cursor.execute("drop table if exists t")
        cursor.execute(f"create table t (id int, token {kind})")
        for row in enumerate(TOKENS):
            cursor.execute("insert into t values (%s, %s)", row)
        database.commit()
    _check(land(_sql(mariadb)))


def test_a_row_with_bytes_that_is_held_back_shows_them_in_base64(sqlite: Path, land: Land) -> None:
    with closing(sqlite3.connect(sqlite)) as database, database:
        database.execute("delete from t")
        rows = [("x", b"\x00\xff"), ("y", LONG), (3, "text"), (4, b"\x01")]
        database.executemany("insert into t values (?, ?)", rows)
    landing = land(_sql("sqlite:///t.db"))
    assert landing.rows["token"].to_list() == [b"\x01"]
    shown = {raw["id"]: raw["token"] for raw in map(json.loads, landing.held["raw"])}
    assert shown["x"] == "base64:AP8="
    assert shown["y"].startswith("sha256:")
    assert shown["y"].endswith(f"of {len(LONG)} bytes")
    assert shown[3] == "text"
    assert "token: 'text' is not binary" in landing.held["reasons"].explode().to_list()[0]


def test_bytes_for_another_type_are_shown_so(sqlite: Path, land: Land) -> None:
    query = "select id, case when id = 0 then x'00ff' else 'x' end as token from t"
    landing = land(_sql("sqlite:///t.db", query=query, schema={"id": "i32", "token": "str"}))
    assert landing.rows["token"].to_list() == ["x", "x", "x"]
    assert landing.held["reasons"].to_list() == [["token: base64:AP8= is not str"]]


def test_text_of_a_database_is_read_by_the_encoding(sqlite: Path, land: Land) -> None:
    schema = {"id": "i32", "token": {"type": "binary", "encoding": "hex"}}
    query = "select id, hex(token) as token from t where id in (0, 2) order by id"
    _check(land(_sql("sqlite:///t.db", query=query, schema=schema)), [TOKENS[0], TOKENS[2]])


def test_text_without_an_encoding_stops_a_typed_query(postgres: str, land: Land) -> None:
    source = _sql("${DB}", query="select 1::int4 as id, 'AP8='::text as token")
    with pytest.raises(SchemaDriftError, match="Cast it in the query"):
        land(source, {"DB": postgres})
    schema = {"id": "i32", "token": {"type": "binary", "encoding": "base64"}}
    _check(land({**source, "schema": schema}, {"DB": postgres}), [b"\x00\xff"])


FRAME = pl.DataFrame({"id": range(len(TOKENS)), "token": TOKENS}, schema_overrides={"id": pl.Int32})


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_binary_of_typed_files_lands(kind: str, folder: Path, land: Land) -> None:
    path = folder / f"a.{kind}"
    FRAME.write_parquet(path) if kind == "parquet" else FRAME.write_ipc(path)
    _check(land(_files(path.name)))


def test_bytes_of_fixed_size_land(folder: Path, land: Land) -> None:
    tokens = pa.array([b"\x00\xff", None], pa.binary(2))
    pq.write_table(
        pa.table({"id": pa.array([1, 2], pa.int32()), "token": tokens}), folder / "a.parquet"
    )
    _check(land(_files("a.parquet")), [b"\x00\xff", None])


def test_bytes_of_avro_land(folder: Path, land: Land) -> None:
    fields = [{"name": "id", "type": "int"}, {"name": "token", "type": ["null", "bytes"]}]
    schema = fastavro.parse_schema({"type": "record", "name": "t", "fields": fields})
    with (folder / "a.avro").open("wb") as stream:
        fastavro.writer(stream, schema, FRAME.to_dicts())
    _check(land(_files("a.avro")))


SPELLED = {"base64": "AP8=", "hex": "00fF"}


@pytest.mark.parametrize("encoding", ["base64", "hex"])
@pytest.mark.parametrize("kind", ["csv", "ndjson", "json", "xlsx"])
def test_text_of_files_is_read_by_its_encoding(
    kind: str, encoding: str, folder: Path, land: Land
) -> None:
    rows = [(1, SPELLED[encoding]), (2, ""), (3, "zz z"), (4, SPELLED[encoding][:-1])]
    objects = [{"id": i, "token": token} for i, token in rows]
    path = folder / f"a.{kind}"
    if kind == "csv":
        path.write_text("id,token\n" + "".join(f"{i},{token}\n" for i, token in rows))
    elif kind == "ndjson":
        path.write_text("".join(json.dumps(row) + "\n" for row in objects))
    elif kind == "json":
        path.write_text(json.dumps(objects))
    else:
        book = openpyxl.Workbook()
        for line in [("id", "token"), *rows]:
            book.active.append(line)
        book.save(path)
    landing = land(_files(path.name, {"type": "binary", "encoding": encoding}))
    assert landing.rows["token"].to_list() == [b"\x00\xff", None]
    assert landing.held["reasons"].explode().to_list() == [
        f"token: {text!r} is not binary in {encoding}" for _, text in rows[2:]
    ]


def test_text_of_files_without_an_encoding_is_held_back(folder: Path, land: Land) -> None:
    (folder / "a.csv").write_text("id,token\n1,AP8=\n2,\n")
    landing = land(_files("a.csv"))
    assert landing.rows["token"].to_list() == [None]
    (reason,) = landing.held["reasons"].explode()
    assert reason == "token: 'AP8=' is not binary in an encoding that the schema declares"


def test_new_columns_of_bytes_come_in_base64(folder: Path, land: Land) -> None:
    FRAME.write_parquet(folder / "a.parquet")
    source = {**_files("a.parquet"), "schema": {"id": "i32"}, "drift": "evolve"}
    told = [None if t is None else base64.b64encode(t).decode() for t in TOKENS]
    assert land(source).rows["token"].to_list() == told


def test_an_encoding_is_for_binary_alone() -> None:
    with pytest.raises(ValueError, match="encoding says nothing about a column of type str"):
        ColumnType(type="str", encoding="hex")
