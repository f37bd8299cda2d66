"""JSON documents: read a few records at a time, as strictly as if they were read whole."""

from __future__ import annotations

import io
import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.ingest import json_file, json_stream
from tasks.ingest.json_stream import NoListError, stream_records
from tasks.ingest.json_text import MISSING, point, read_json
from tasks.ingest.parts import to_json
from tests.unit.ingest.conftest import Land


def _streamed(content: bytes, pointer: str) -> Any:
    try:
        return list(stream_records(io.BytesIO(content), pointer))
    except (ValueError, NoListError) as error:
        return type(error) is NoListError


def _whole(content: bytes, pointer: str) -> Any:
    try:
        found = point(read_json(content), pointer)
    except ValueError:
        return False
    return found if isinstance(found, list) else True


_VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False).map(float)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    document=st.dictionaries(st.sampled_from(["a", "b", "/~"]), _VALUE | st.lists(_VALUE)),
    pointer=st.sampled_from(["", "/a", "/a/b", "/~1~0"]),
    seed=st.integers(0, 1000),
)
def test_a_streamed_document_is_the_whole_one(document: Any, pointer: str, seed: int) -> None:
    chance = random.Random(seed)
    content = json.dumps(document, indent=chance.choice([None, 1]), ensure_ascii=False).encode()
    chunk, json_stream._CHUNK_BYTES = json_stream._CHUNK_BYTES, chance.choice([1, 3, 1 << 20])
    try:
        assert _streamed(content, pointer) == _whole(content, pointer)
        cut = content[: chance.randrange(len(content))]
        flipped = bytearray(content)
        flipped[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        for broken in (cut, bytes(flipped), content + content, content + b","):
            told = _streamed(broken, pointer)
            # Where both refuse, either may come upon another fault first.
            assert told == _whole(broken, pointer) or isinstance(told, bool)
            assert isinstance(told, bool) == isinstance(_whole(broken, pointer), bool)
    finally:
        json_stream._CHUNK_BYTES = chunk


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        (b"[1, 2", ""),
        (b"[1 2]", ""),
        (b"[1,]", ""),
        (b"[,1]", ""),
        (b"[1]]", ""),
        (b"[NaN]", ""),
        (b"[01]", ""),
        (b"[\xff]", ""),
        (b'["\n"]', ""),
        (b"", ""),
        (b'{"a": [1], "a": [2]}', "/a"),
        (b'{"a": [1]', "/a"),
        (b'{"a": [1], b}', "/a"),
        (b'{"a" [1]}', "/a"),
        (b'{"a": [1], "b": tru}', "/a"),
        (b"[" * 100_000, ""),
    ],
)
def test_what_is_no_json_to_its_end_is_refused(content: bytes, pointer: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(stream_records(io.BytesIO(content), pointer))


def test_a_large_list_is_never_whole_in_memory() -> None:
    class Endless(io.RawIOBase):
        sent = 0

        def read(self, size: int = -1) -> bytes:
            self.sent += size
            return b'[{"a": 1}' if self.sent == size else b',{"a": 1}' * 1000

    source = Endless()
    records = stream_records(source, "")  # type: ignore[arg-type]
    for _ in range(5000):
        assert next(records) == {"a": 1}
    assert point({}, "/a") is MISSING


def test_a_value_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "_MAX_VALUE_CHARACTERS", 1000)
    monkeypatch.setattr(json_stream, "_CHUNK_BYTES", 100)
    with pytest.raises(ValueError, match="more than 1000 characters"):
        list(stream_records(io.BytesIO(b'["' + b"a" * 100_000), ""))


def test_a_large_document_gives_the_same_rows(
    folder: Path, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [{"id": n, "name": f"é{n}"} for n in range(51_000)]
    (folder / "a.json").write_text(json.dumps({"meta": [1], "data": {"rows": records}}))
    schema = {"id": "i32", "name": "str"}
    source = {"kind": "files", "path": "a.json", "schema": schema, "records": "/data/rows"}
    whole = land(source)
    monkeypatch.setattr(json_file, "_WHOLE_BYTES", 100_000)
    assert land(source).rows.equals(whole.rows)
    assert whole.rows.height == 51_000
    (folder / "a.json").write_text(json.dumps(["\ud800", {"id": 1, "name": "\ud800"}] * 10_000))
    assert land({**source, "records": ""}).held.height == 20_000


def test_numbers_of_a_held_record_stay_numbers(folder: Path, land: Land) -> None:
    """So that a person mends what is wrong, and not what is right."""
    text = '[{"id": 1.5, "x": 2.50, "note": "\\u00000"}, {"id": 2, "x": 12345678901234567890.1}]'
    (folder / "a.json").write_text(text)
    schema = {"id": "i32", "x": "f64", "note": "str"}
    raws = land({"kind": "files", "path": "a.json", "schema": schema}).held["raw"].to_list()
    assert raws[1] == '{"id": 2, "x": 12345678901234567890.1}'
    mended = json.loads(raws[0])
    assert mended["note"] == "\0" + "0"


def test_the_digits_of_a_held_number_are_kept() -> None:
    record = {"a": Decimal("2.50"), "b": [Decimal("1E+40")], "c": "2.50", "d": Decimal("NaN")}
    assert to_json(record) == '{"a": 2.50, "b": [1E+40], "c": "2.50", "d": "NaN"}'
    assert json.loads(to_json({"a": Decimal(1), "b": "\0" + "0"}))["b"] == "\0" + "0"


@pytest.mark.parametrize("number", ["0.0", "12.5", "1e3", "1.5E+3", "-2.5e-3", "7"])
def test_a_number_may_be_cut_anywhere(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = f'{{"b": {number}, "a": [{number}, {number}]}}'.encode()
    for size in range(1, len(content)):
        monkeypatch.setattr(json_stream, "_CHUNK_BYTES", size)
        assert _streamed(content, "/a") == [Decimal(number)] * 2
