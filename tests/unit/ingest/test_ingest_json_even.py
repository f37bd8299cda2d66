"""Documents read as columns give what reading them record by record gives, or are left to that."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest

from tasks.ingest.http_config import HttpConfig
from tasks.ingest.json_even import EvenDocument, read_document
from tasks.ingest.json_records import take_document
from tasks.ingest.json_text import MISSING, Document
from tasks.ingest.plain_records import take_even

SCHEMA = {
    "id": "i32",
    "big": "i64",
    "price": "f64",
    "near": "f32",
    "name": "str",
    "flag": "bool",
    "day": "date",
    "at": "datetime",
    "sum": "decimal(9,2)",
}
PAD = b" " * 20_000  # so that reading it as columns is worth while
STRANGE = (
    *('"id": 1, "id": 2', '"big": 9223372036854775808', '"price": -0', '"price": 9007199254740993'),
    *('"price": NaN', '"price": -Infinity', '"price": 1e400', '"id": 01', '"id": 1.0', '"id": "1"'),
    *('"name": "\\ud800"', '"name": "\\u0000"', '"name": null', '"name": 7', '"flag": 1'),
    *('"day": "2010-02-30"', '"at": "yesterday"', '"sum": 1.5', '"near": 1e39', '"x": {"y": [1]}'),
    *('"id": null', '"id": 3000000000', '"name": "a}, {\\"id\\": 5"', '"name": "\\"items\\": [{"'),
    *('"i\\u0064": 5', '"name": "a\tb"', '"price": .5', '"x": 1, "x": 2', '"name": "null"'),
)


def _config(absent: str = "refuse") -> HttpConfig:
    return HttpConfig.model_validate(
        {"kind": "http", "url": "http://a/", "schema": SCHEMA, "records": "/items"}
        | {"absent": absent}
    )


def _record(rng: random.Random) -> dict[str, Any]:
    record = {
        "id": rng.randrange(-5, 99),
        "big": rng.randrange(-(2**60), 2**60),
        "price": rng.choice([0, 5, 0.1, -2.5e-7, 1e15]),
        "near": rng.choice([0.5, 3]),
        "name": rng.choice(["", "é, {}", "a b", 'a "b"', None]),
        "flag": rng.random() < 0.5,
        "day": "2010-01-04",
        "at": rng.choice(["2010-01-04T05:06:07", "2010-01-04 05:06:07.25"]),
        "sum": rng.choice(["1.50", "-3"]),
        "more": rng.choice([1, 2.5]),
    }
    if rng.random() < 0.05:
        del record[rng.choice(list(record))]
    return record


def _document(rng: random.Random) -> bytes:
    items = [_record(rng) for _ in range(rng.choice([1, 3, 40]))]
    whole = {"meta": {"next": "2020-01-01", "tags": ["a"]}, "items": items, "total": len(items)}
    spaced = rng.choice([(", ", ": "), (",", ":"), (" ,\n", " : ")])
    return json.dumps(whole, separators=spaced, ensure_ascii=rng.random() < 0.5).encode()


def _damaged(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    choice = rng.random()
    if choice < 0.4:  # a record with something else, or something more
        strange = rng.choice(STRANGE)
        name = strange.split(":")[0].encode()
        place = content.rfind(name, 0, at)
        if place < 0:
            return content
        return content[:place] + strange.encode() + b", " + content[place:]
    if choice < 0.6:
        return content[:at] + bytes([rng.choice(b'{}[],:" 09-.\\nt\xff\x00\n')]) + content[at + 1 :]
    if choice < 0.8:
        return content[:at] + content[at + rng.choice([1, 2, 30]) :]
    return content[:at] + content[max(0, at - rng.choice([1, 2, 30])) :]


def _read_slowly(content: bytes, source: HttpConfig) -> Any:
    try:
        document = Document(content)
    except ValueError:
        return None
    if not isinstance(document.at("/items"), list):
        return "no list"
    part = take_document(document, "/items", 1, "a", source, source.absent == "null")
    return part.rows, part.held, document.at("/meta/next"), document.at("/total")


@pytest.mark.parametrize("absent", ["refuse", "null"])
def test_columns_say_what_records_say(absent: str) -> None:
    source, rng = _config(absent), random.Random(absent)
    taken = 0
    for _ in range(200):
        content = _document(rng) + PAD
        if rng.random() < 0.7:
            content = _damaged(content[: -len(PAD)], rng) + PAD
        expected = _read_slowly(content, source)
        try:
            document = read_document(content, "/items", source, absent == "null")
        except ValueError:
            assert expected is None
            continue
        assert expected is not None
        if not isinstance(document, EvenDocument):
            continue
        rows, held, following, total = expected
        assert (following, total) == (document.at("/meta/next"), document.at("/total"))
        part = take_even([document.records], 1, "a", source)
        assert len(document.records) == rows.height + len(held)
        if part is not None:
            taken += 1
            assert not held
            assert part.rows.equals(rows)
    assert taken > 20


@pytest.mark.parametrize(
    "content",
    [
        b'{"items": [{"id": 1}], "errors": [{"id": 2}], "total": 1}',
        b'{"errors": [{"id": 2}], "items": [{"id": 1}], "total": 1}',
        b'{"box": [[1, 2], [3, 4]], "items": [{"id": 1}]}',
        b'{"links": [ {"rel": "next"} ], "items": [{"id": 1}]}',
        b'{"odd": [1, {}, null], "items": [{"id": 1}]}',
        b'{"items": [{"id": 1}], "items": [{"id": 2}]}',
        b'{"items": [{"id": 1}, null, {"id": 2}]}',
        b'{"items": [{"id": 1}]} {"items": [{"id": 2}]}',
        b'{"items": [{"id": 1}]}, "document": {"items": [{"id": 2}]}',
        b'{"items": [{"id": 1} {"id": 2}]}',
        b'{"items": [{"id": 1, "id": 1}]}',
        b'{"items": [{"id": 1, "x": [[[[1]]]]}]}',
        b'{"x": "[{\\"id\\": 1}]"}',
        b'{"x": {"items": [{"id": 1}]}}',
        b'[{"id": 1}]',
    ],
)
def test_what_is_in_doubt_is_left_to_the_other_reader(content: bytes) -> None:
    source = HttpConfig.model_validate(
        {"kind": "http", "url": "http://a/", "schema": {"id": "i32"}, "records": "/items"}
    )
    try:
        Document(content + PAD)
    except ValueError as error:
        with pytest.raises(ValueError, match=re.escape(str(error))):
            read_document(content + PAD, "/items", source, False)
    else:
        assert isinstance(read_document(content + PAD, "/items", source, False), Document)


@pytest.mark.parametrize("pointer", ["", "/data", "/a~1b/1", "/meta/rows"])
def test_records_may_be_anywhere(pointer: str) -> None:
    records = [{"id": 1, "note": None}, {"id": 2, "note": None}]
    content = {
        "": records,
        "/data": {"data": records, "next": None, "seen": 2**70},
        "/a~1b/1": {"a/b": [{}, records]},
        "/meta/rows": {"meta": {"rows": records, "empty": {}}, "list": []},
    }[pointer]
    source = HttpConfig.model_validate(
        {"kind": "http", "url": "http://a/", "schema": {"id": "i32"}, "records": pointer}
    )
    document = read_document(json.dumps(content).encode() + PAD, pointer, source, False)
    assert isinstance(document, EvenDocument) == (pointer != "/a~1b/1")
    if isinstance(document, EvenDocument):
        part = take_even([document.records], 1, "a", source)
        assert part is not None
        assert part.rows["id"].to_list() == [1, 2]
        assert document.records[-1] == {"id": 2}
        assert document.plain().at(pointer) == records
        assert document.at(f"{pointer}/ok") is MISSING
        assert document.at(f"{pointer}/1") == records[1]
