"""Answers in every format are read as files are, whole or not at all."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zlib
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
import stamina

from tasks.core.errors import SchemaDriftError, SourceError, SourceUnavailableError
from tests.unit.ingest.chaos import Answer, Api, Request, serve
from tests.unit.ingest.conftest import Land

RECORDS = [{"id": i, "name": f"n{i}"} for i in range(1, 8)]
SCHEMA = {"id": "i32", "name": "str"}
FRAME = pl.DataFrame(RECORDS, schema={"id": pl.Int32, "name": pl.String})
NDJSON = b"".join(json.dumps(record).encode() + b"\n" for record in RECORDS)
CSV = FRAME.write_csv().encode()


def _parquet(frame: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.write_parquet(sink)
    return sink.getvalue()


def _chunks(body: bytes) -> bytes:
    return b"%x;name=value\r\n%b\r\n0\r\nTrailer: x\r\n\r\n" % (len(body), body)


def _chunked(body: bytes, headers: str = "") -> bytes:
    head = f"HTTP/1.1 200 OK\r\n{headers}Transfer-Encoding: chunked\r\n\r\n"
    return head.encode() + _chunks(body)


@pytest.fixture
def api() -> Iterator[Api]:
    with serve() as running, stamina.set_testing(True, attempts=3, cap=True):
        yield running


def _source(api: Api, **more: Any) -> dict[str, Any]:
    return {"kind": "http", "url": f"{api.url}/items", "schema": SCHEMA, **more}


@pytest.mark.parametrize(
    ("body", "told", "form"),
    [
        (json.dumps(RECORDS).encode(), "application/vnd.api+json", "auto"),
        (NDJSON, "application/x-ndjson", "auto"),
        (CSV, "text/csv; charset=utf-8", "auto"),
        (FRAME.write_csv(separator="\t").encode(), "text/tab-separated-values", "auto"),
        (_parquet(FRAME), "application/vnd.apache.parquet", "auto"),
        (NDJSON, "text/plain", "ndjson"),
        (NDJSON, "application/json", "ndjson"),
        (CSV, "application/octet-stream", "csv"),
        (_parquet(FRAME), "application/octet-stream", "parquet"),
        (gzip.compress(CSV), "application/gzip", "csv"),
        (bz2.compress(CSV), "application/octet-stream", "csv"),
        (lzma.compress(NDJSON), "application/octet-stream", "ndjson"),
    ],
)
def test_a_body_is_read_by_its_format(
    body: bytes, told: str, form: str, api: Api, land: Land
) -> None:
    api.script = lambda _: Answer(body, headers={"Content-Type": told})
    landing = land(_source(api, format=form))
    assert landing.rows.select("id", "name").equals(FRAME)
    assert landing.rows["_source"].unique().to_list() == [f"{api.url}/items"]


def test_the_ending_of_an_address_says_the_format_where_no_type_does(api: Api, land: Land) -> None:
    api.script = lambda _: Answer(gzip.compress(CSV))
    source = {**_source(api), "url": f"{api.url}/drops/items.csv.gz?version=2"}
    assert land(source).rows.height == 7


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(CSV)),
        ("x-gzip", gzip.compress(CSV[:20]) + gzip.compress(CSV[20:])),
        ("deflate", zlib.compress(CSV)),
        ("deflate", zlib.compress(CSV)[2:-4]),
        ("identity", CSV),
    ],
)
def test_a_content_encoding_is_undone(coding: str, body: bytes, api: Api, land: Land) -> None:
    api.script = lambda _: Answer(body, headers={"Content-Encoding": coding})
    assert land(_source(api, format="csv")).rows.height == 7


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(gzip.compress(CSV)[:-9], headers={"Content-Encoding": "gzip"}), "cut short"),
        (Answer(gzip.compress(CSV) + b"x", headers={"Content-Encoding": "gzip"}), "damaged|cut"),
        (Answer(zlib.compress(CSV) + b"x", headers={"Content-Encoding": "deflate"}), "behind"),
        (Answer(b"", headers={"Content-Encoding": "gzip"}), "cut short"),
        (Answer(CSV, headers={"Content-Encoding": "br"}), "br"),
        (Answer(CSV, length=len(b"id,name\n1,n1\n")), "more bytes"),
        (Answer(CSV, length=len(CSV) + 1), "RemoteProtocolError"),
        (Answer(wire=b"HTTP/1.0 200 OK\r\n\r\n" + CSV), "told from a cut"),
        (Answer(wire=b"HTTP/1.0 200 OK\r\nContent-Encoding: identity\r\n\r\n" + CSV), "a cut"),
        (Answer(wire=_chunked(CSV[:13]) + _chunks(CSV[13:])), "more bytes than its last chunk"),
        (Answer(wire=_chunked(CSV) + _chunked(CSV)), "more bytes than its last chunk"),
        (Answer(wire=_chunked(CSV[:13], f"Content-Length: {len(CSV)}\r\n")), "both a"),
        (Answer(CSV, headers={"Content-Type": "text/html"}), "text/html"),
        (Answer(CSV, headers={"Content-Type": "application/json"}), "application/json"),
    ],
)
def test_a_body_that_may_not_be_whole_is_no_body(
    answer: Answer, told: str, api: Api, land: Land
) -> None:
    api.script = lambda _: answer
    with pytest.raises(SourceUnavailableError, match=told):
        land(_source(api, format="csv"))
    assert len(api.asked) == 3


def test_a_declared_total_makes_up_for_a_length(api: Api, land: Land) -> None:
    head = b"HTTP/1.0 200 OK\r\nX-Total-Count: 7\r\n\r\n"
    source = _source(api, format="csv", total_header="X-Total-Count")
    api.script = lambda _: Answer(wire=head + CSV)
    assert land(source).rows.height == 7
    api.script = lambda _: Answer(wire=head + CSV[:14])
    with pytest.raises(SourceError, match="7 records"):
        land(source)


def test_a_damaged_parquet_file_is_named(api: Api, land: Land) -> None:
    body = bytearray(_parquet(FRAME))
    api.script = lambda _: Answer(bytes(body[:-5]))
    with pytest.raises(SourceUnavailableError, match="begin and end"):
        land(_source(api, format="parquet"))
    body[-8] ^= 255
    api.script = lambda _: Answer(bytes(body))
    with pytest.raises(SourceError, match="parquet"):
        land(_source(api, format="parquet"))


def test_a_csv_answer_is_as_strict_as_a_file(api: Api, land: Land) -> None:
    body = b"\xef\xbb\xbfid;name;more\n1;a;x\n02;b;x\n3\n4;NA;x\n5;e;x"
    api.script = lambda _: Answer(body, headers={"Content-Type": "text/csv"})
    landing = land(_source(api, delimiter=";", nulls=["NA"]))
    assert landing.rows.select("id", "name").rows() == [(1, "a"), (4, None)]
    assert landing.held["line"].to_list() == [3, 4, 6]
    assert landing.ledger.rows_in == 5
    with pytest.raises(SchemaDriftError, match="more"):
        land(_source(api, delimiter=";", drift="refuse"))


def test_pages_of_csv_are_walked_by_headers(api: Api, land: Land) -> None:
    def script(request: Request) -> Answer:
        start = int(request.params.get("cursor", "0"))
        following = {"X-Next": str(start + 3)} if start + 3 < len(RECORDS) else {}
        body = FRAME.slice(start, 3).write_csv().encode()
        return Answer(body, headers={"Content-Type": "text/csv", "X-Total-Count": "7", **following})

    api.script = script
    source = _source(
        api,
        pagination={"kind": "cursor", "next_header": "X-Next"},
        total_header="X-Total-Count",
        key=["id"],
    )
    landing = land(source)
    assert landing.rows["id"].to_list() == list(range(1, 8))
    assert landing.rows.select("_source", "_line").is_unique().all()


def test_all_pages_are_of_one_format(api: Api, land: Land) -> None:
    api.script = lambda request: (
        Answer(CSV, headers={"Content-Type": "text/csv"})
        if request.params["page"] == "1"
        else Answer([])
    )
    with pytest.raises(SourceError, match="csv, as the first page"):
        land(_source(api, pagination={"kind": "page"}))


def test_json_that_a_pointer_needs_is_held_to(api: Api, land: Land) -> None:
    api.script = lambda _: Answer(CSV, headers={"Content-Type": "text/csv"})
    with pytest.raises(SourceUnavailableError, match="text/csv"):
        land(_source(api, records="/items"))


def test_a_record_with_half_a_character_is_held_back(api: Api, land: Land) -> None:
    api.script = lambda _: Answer(
        b'[{"id": 1, "name": "\\ud83d"}, {"id": 2, "name": "\\ud83d\\ude00"}]'
    )
    landing = land(_source(api))
    assert landing.rows["name"].to_list() == ["\U0001f600"]
    assert landing.held["reasons"].to_list() == [["half a surrogate pair, which is no character"]]


@pytest.mark.parametrize(
    "body",
    [
        b'[{"id": 1, "id": 2, "name": "a"}]',
        b'[{"id": 1, "name": "a:b", "name": ""}]',
        b'[{"id" : 1, "name": "a", "name" : "\\u003a"}]',
        b'[{"id": 1, "name": Infinity}]',
        b'[{"id": 1, "name": "a"}] x',
        b'[{"id": 1, "name": "a"}',
        b"[" * 300 + b"]" * 300,
        b"[" * 100_000,
        '[{"id": 1, "name": "a"}]'.encode("utf-16"),
        b'[{"id": 1, "name": "\xff"}]',
        b'[{"id": ' + b"9" * 5000 + b', "name": "a"}]',
        b"",
    ],
)
def test_what_is_no_strict_json_is_asked_for_again(body: bytes, api: Api, land: Land) -> None:
    api.script = lambda _: Answer(body)
    with pytest.raises(SourceUnavailableError, match="not JSON"):
        land(_source(api))


@pytest.mark.parametrize(
    "record",
    [
        '{"id": 1.00000000000000000001, "name": "a"}',
        '{"id": 18446744073709551617, "name": "a"}',
        '{"id": 1e99999999, "name": "a"}',
        '{"id": "1", "name": "a"}',
        '{"id": true, "name": "a"}',
        '{"id": 1, "name": 5}',
        '{"id": 1, "name": "a", "price": 9007199254740993}',
        '{"id": 1, "name": "a", "price": 100000000000000000000}',
        '{"id": 1, "name": "a", "cost": 0.125}',
        '{"id": 1, "name": "a", "cost": 1e-99999999}',
        '{"id": 1}',
        "[1]",
    ],
)
def test_reading_fast_never_takes_what_reading_exactly_would_not(
    record: str, api: Api, land: Land
) -> None:
    schema = {**SCHEMA, "price": "f64", "cost": "decimal(10,2)"}
    whole = '{"id": 2, "name": "b", "price": 5, "cost": "0.10"}'
    full = record if record == "[1]" else '{"price": null, "cost": null, ' + record[1:]
    if '"price": 9' in record or '"price": 1' in record:
        full = '{"cost": null, ' + record[1:]
    if '"cost": ' in record:
        full = '{"price": null, ' + record[1:]
    api.script = lambda _: Answer(f"[{full}, {whole}]".encode())
    landing = land(_source(api, schema=schema))
    assert landing.held["line"].to_list() == [1]
    assert [str(value) for value in landing.rows.row(0)[:4]] == ["2", "b", "5.0", "0.10"]


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
def test_bytes_that_come_later_than_the_told_length_are_noticed(
    connection: str, api: Api, land: Land
) -> None:
    head = f"HTTP/1.1 200 OK\r\nConnection: {connection}\r\nContent-Length: 13\r\n\r\n"
    api.script = lambda _: Answer(wire=[head.encode() + CSV[:13], CSV[13:]], drip_seconds=0.02)
    with pytest.raises(SourceError, match="came later"):
        land(_source(api, format="csv"))


@pytest.mark.parametrize("told", [{"error": "busy"}, {"errors": [{"code": 7}]}, {"success": False}])
def test_an_error_that_an_answer_tells_beside_records_is_one(
    told: dict[str, Any], api: Api, land: Land
) -> None:
    api.script = lambda _: Answer({"items": RECORDS[:3], **(told if len(api.asked) < 2 else {})})
    source = _source(api, records="/items")
    assert land(source).rows.height == 3
    api.script = lambda _: Answer({"items": RECORDS[:3], **told})
    with pytest.raises(SourceUnavailableError, match="with an error at '/"):
        land(source)
    assert land({**source, "errors": []}).rows.height == 3
    api.script = lambda _: Answer({"items": RECORDS, "error": None, "errors": [], "ok": True})
    assert land(source).rows.height == 7
    api.script = lambda _: Answer({"errors": RECORDS})
    assert land(_source(api, records="/errors")).rows.height == 7
