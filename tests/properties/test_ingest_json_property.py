"""Reading JSON fast takes and holds back exactly what reading it exactly does."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.ingest.http_config import HttpConfig
from tasks.ingest.json_records import take_document
from tasks.ingest.json_text import Document
from tasks.ingest.parts import Part

SOURCE = HttpConfig.model_validate(
    {
        "kind": "http",
        "url": "https://example.com/items",
        "schema": {
            "a": "i32",
            "b": "f64",
            "c": "str",
            "d": "bool",
            "e": "datetime",
            "f": "decimal(9,2)",
            "g": "u64",
            "h": "f32",
            "i": "date",
        },
    }
)
WHOLE = st.sampled_from(
    [
        "0",
        "-0",
        "1",
        "-1",
        "2147483647",
        "2147483648",
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "10000000000000000000000000000",
    ]
)
FRACTIONS = st.sampled_from(
    [
        "0.0",
        "-0.0",
        "1.0",
        "1.5",
        "1e2",
        "1E400",
        "1e-400",
        "0.1",
        "3.4e38",
        "3.5e38",
        "1e99999999",
        "2147483647.0",
        "12.34",
        "12.345",
        "1.00000000000000000000001",
        "9007199254740993.0",
    ]
)
TEXTS = st.one_of(
    st.text(max_size=5).map(json.dumps),
    st.sampled_from(
        [
            '""',
            '"a:b"',
            '"\\u003a"',
            '"\\ud800"',
            '"\\ud83d\\ude00"',
            '"12.34"',
            '"2010-01-04"',
            '"2010-01-04T10:11:12"',
            '"2010-02-30T10:11:12"',
            '"0000-01-04T10:11:12"',
            '"2010-01-04T24:11:12"',
            '"2010-01-04T10:11:60"',
            '"2010-01-04T10:11:12Z"',
            '"2010-01-04T10:11:12.5"',
            '"2010-01-04T10:11"',
            '"\\n"',
            '"10000-01-04T10:11:12"',
            '"2010-01-04 10:11:12"',
        ]
    ),
)
OTHERS = st.sampled_from(
    ["null", "true", "false", "[]", "{}", '{"a": 1}', '{"a": 1, "a": 2}', "NaN"]
)
VALUES = {
    **dict.fromkeys("ag", WHOLE | FRACTIONS),
    **dict.fromkeys("bh", FRACTIONS | WHOLE),
    **dict.fromkeys("cei", TEXTS),
    "d": st.sampled_from(["true", "false", "0", "1", "2"]),
    "f": st.sampled_from(['"12.34"', '"12.345"', '"x"', '"-1"', "1.25", "1"]),
}
USUAL = {
    "a": "1",
    "b": "1.5",
    "c": '"x"',
    "d": "true",
    "e": '"2010-01-04T10:11:12"',
    "f": '"12.34"',
    "g": "7",
    "h": "2.5",
    "i": '"2010-01-04"',
}


@st.composite
def records(draw: st.DrawFn) -> str:
    """A record that is plain but for a few values, names or spaces."""
    fields = dict(USUAL)
    for name in draw(st.lists(st.sampled_from(list(USUAL)), max_size=2)):
        fields[name] = draw(st.one_of(VALUES[name], VALUES[name], OTHERS))
    pairs = list(fields.items())
    change = draw(st.sampled_from(["none"] * 6 + ["drop", "twice", "more", "rename"]))
    if change == "drop":
        pairs.pop(draw(st.integers(0, len(pairs) - 1)))
    if change == "twice":
        pairs.append((draw(st.sampled_from(list(USUAL))), "1"))
    if change == "more":
        pairs.append(("z", draw(OTHERS | TEXTS | FRACTIONS)))
    if change == "rename":
        pairs[0] = ("A", pairs[0][1])
    colon = draw(st.sampled_from([":", ": ", " : ", ":\n"]))
    return "{" + ", ".join(f'"{name}"{colon}{value}' for name, value in pairs) + "}"


def _read(content: bytes, exactly: bool, absent_is_null: bool) -> Part | str:
    try:
        document = Document(content)
        if exactly:
            document.read_exactly()
    except ValueError:
        return "no JSON"
    return take_document(document, "/items", 1, "items", SOURCE, absent_is_null)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(records(), max_size=4),
    st.sampled_from(["", ', "next": "a:b"', ', "items": []']),
    st.booleans(),
)
@example([], "", False)
def test_both_ways_of_reading_agree(drawn: list[str], more: str, absent_is_null: bool) -> None:
    content = f'{{"items": [{", ".join(drawn)}]{more}}}'.encode("utf-8", "surrogatepass")
    fast = _read(content, False, absent_is_null)
    exact = _read(content, True, absent_is_null)
    if isinstance(fast, str) or isinstance(exact, str):
        assert fast == exact
        return
    assert fast.seen == exact.seen == len(drawn)
    assert fast.rows.equals(exact.rows)
    assert fast.rows.schema == exact.rows.schema
    assert fast.held == exact.held


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        value: Any = Document(content).value
    except ValueError:
        return
    assert json.dumps(value, default=str)
