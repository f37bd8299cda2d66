"""Lines read as columns give what parsing each of them gives, whatever stands in them."""

from __future__ import annotations

import io
import json
from typing import Any

import hypothesis.strategies as st
import polars as pl
from hypothesis import example, given, settings

import tasks.ingest.ndjson_file as ndjson_file
from tasks.ingest.config import FilesConfig
from tasks.ingest.ndjson_file import read_ndjson
from tasks.ingest.parts import Part

SCHEMA = {
    "s": "str",
    "é": "str",
    "i": "i8",
    "u": "u64",
    "f": "f64",
    "g": "f32",
    "b": "bool",
    "d": "datetime",
    "m": "decimal(6,2)",
}
TEXT = st.text(st.sampled_from('ab,:"\\{}[]\n\té😀\x7f\u2028 n'), max_size=6)
NUMBER = st.sampled_from(
    [
        "0",
        "-0",
        "0.0",
        "-0.0",
        "1",
        "-1",
        "7",
        "127",
        "128",
        "-128",
        "-129",
        "1.0",
        "1.5",
        "-2.25",
        "1e2",
        "1E-3",
        "1e400",
        "1e-400",
        "5e-324",
        "01",
        "-01",
        "+1",
        ".5",
        "1.",
        "1.e2",
        "00",
        "9007199254740992",
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "0.1000000000000000055511151231257827",
        "16777217",
        "NaN",
        "Infinity",
        "-Infinity",
        "nan",
        "inf",
        "1_0",
        "0x1",
        "12.345",
        "--1",
        "3.4028235677973366e38",
        "1e39",
    ]
)
OTHER = st.sampled_from(
    [
        *(
            [
                "null",
                "true",
                "false",
                "nUll",
                "Null",
                "True",
                "[]",
                "{}",
                "[1,2]",
                '""',
                '"null"',
                '"1"',
                '"true"',
                "tru",
            ]
        ),
        '"a"b"',
        '"2010-01-04 10:00:00"',
        '"2010-01-04T10:00"',
        '"2010-02-30 10:00:00"',
        '"12.30"',
        '"1e2"',
        '"\\ud83d\\ude00"',
        '"\\ud800"',
        '"\\u00e9\\n"',
        '"\\x"',
        '"\\u12"',
        '"a\\"',
        '"a,"',
        '",\\"i\\":1"',
        '"\x01"',
        '"\x1f"',
        " 1",
        "1 ",
        "",
        '{"s":"x","i":2}',
    ]
)
VALUE = st.one_of(
    NUMBER, OTHER, TEXT.map(json.dumps), TEXT.map(lambda t: json.dumps(t, ensure_ascii=False))
)
USUAL = {
    "s": TEXT.map(lambda text: json.dumps(text, ensure_ascii=False)),
    "é": st.sampled_from(['"x"', "null", '""']),
    "i": st.integers(-200, 200).map(str),
    "u": st.integers(0, 2**64).map(str),
    "f": st.floats(allow_nan=False, allow_infinity=False).map(repr),
    "g": st.sampled_from(["1.5", "null", "0.1", "-7"]),
    "b": st.sampled_from(["true", "false", "null"]),
    "d": st.sampled_from(['"2010-01-04 10:00:00"', "null", '"2010-01-04 10:00:00.5"']),
    "m": st.sampled_from(["1.25", '"1.25"', "null", "7", "-0.5"]),
}
LINE = st.fixed_dictionaries(USUAL)


def _read(content: bytes, worthwhile: int, **more: Any) -> list[Part]:
    source = FilesConfig.model_validate(
        {"kind": "files", "path": "x", "schema": SCHEMA, "final_newline": "optional", **more}
    )
    before = ndjson_file._WORTHWHILE
    ndjson_file._WORTHWHILE = worthwhile
    try:
        return list(read_ndjson(io.BytesIO(content), "x", source))
    finally:
        ndjson_file._WORTHWHILE = before


def _check(content: bytes, **more: Any) -> int:
    """Hold that both ways give the same; how many rows were taken."""
    fast, slow = _read(content, 1, **more), _read(content, 1 << 60, **more)
    rows, parsed = (
        pl.concat([part.rows for part in parts], how="diagonal") for parts in (fast, slow)
    )
    assert set(rows.columns) == set(parsed.columns)
    # As JSON, 0.0 and -0.0 are two.
    assert rows.select(parsed.columns).write_json() == parsed.write_json()
    assert rows.schema["u"] == pl.UInt64
    assert [one for part in fast for one in part.held] == [
        one for part in slow for one in part.held
    ]
    assert sum(part.seen for part in fast) == sum(part.seen for part in slow)
    assert sum(part.seen for part in fast) == rows.height + sum(len(part.held) for part in fast)
    return rows.height


def _write(lines: list[dict[str, str]], comma: str, colon: str, ending: str) -> bytes:
    written = (
        "{" + comma.join(f'"{name}"{colon}{value}' for name, value in line.items()) + "}" + ending
        for line in lines
    )
    return "".join(written).encode("utf-8", "surrogatepass")


STYLE = st.tuples(
    st.sampled_from([",", ", "]), st.sampled_from([":", ": "]), st.sampled_from(["\n", "\r\n"])
)


@given(
    st.lists(LINE, min_size=1, max_size=8),
    STYLE,
    st.lists(st.tuples(st.integers(0, 7), st.sampled_from(list(SCHEMA)), VALUE), max_size=4),
    st.sampled_from(["refuse", "evolve", "ignore"]),
    st.sampled_from(["null", "keep"]),
)
@settings(max_examples=400, deadline=None)
def test_any_value_in_any_column_is_taken_or_held_as_by_the_parser(
    lines: list[dict[str, str]],
    style: tuple[str, str, str],
    odd: list[tuple[int, str, str]],
    drift: str,
    empty_text: str,
) -> None:
    for at, name, value in odd:
        lines[at % len(lines)][name] = value
    _check(_write(lines, *style), drift=drift, empty_text=empty_text)


@given(
    st.lists(LINE, min_size=1, max_size=6),
    STYLE,
    st.lists(st.one_of(VALUE), min_size=6, max_size=6),
    st.sampled_from(["refuse", "evolve", "ignore"]),
)
@settings(max_examples=200, deadline=None)
def test_columns_that_are_not_declared_are_taken_or_held_as_by_the_parser(
    lines: list[dict[str, str]], style: tuple[str, str, str], values: list[str], drift: str
) -> None:
    more = [line | {"new": value} for line, value in zip(lines, values, strict=False)]
    _check(_write(more, *style), drift=drift)


@given(
    st.lists(LINE, min_size=2, max_size=6),
    STYLE,
    st.lists(
        st.tuples(
            st.integers(0, 2000),
            st.sampled_from(
                [
                    b"",
                    b'"',
                    b",",
                    b":",
                    b"\\",
                    b"\n",
                    b"\r",
                    b"\x00",
                    b"\xff",
                    b"\x1f",
                    b"{",
                    b"}",
                    b" ",
                    b'"i":1,',
                    b',"s":null',
                    b'"',
                    b"0",
                    b"-",
                    b"\xef\xbb\xbf",
                    b'{"s":1}\n',
                    b"\n\n",
                ]
            ),
        ),
        min_size=1,
        max_size=4,
    ),
)
@example([{**dict.fromkeys(SCHEMA, "null")}] * 2, (",", ":", "\n"), [(1, b"")])
@settings(max_examples=500, deadline=None)
def test_a_mutilated_file_is_read_as_by_the_parser(
    lines: list[dict[str, str]], style: tuple[str, str, str], edits: list[tuple[int, bytes]]
) -> None:
    content = _write(lines, *style)
    for at, piece in edits:
        place = at % (len(content) + 1)
        content = content[:place] + piece + content[place + (piece == b"") :]
    _check(content)


def test_usual_lines_are_all_read_as_columns() -> None:
    """The other tests would say nothing if every line were a suspect."""
    lines = [
        {"s": '"a, \\"b\\" \\u00e9"', "é": '"x"', "i": str(n), "u": "5", "f": "0.25", "g": "1.5"}
        | {"b": "true", "d": '"2010-01-04 10:00:00"', "m": "1.25"}
        for n in range(100)
    ]
    source = FilesConfig.model_validate({"kind": "files", "path": "x", "schema": SCHEMA})
    for comma, colon in ((",", ":"), (", ", ": ")):
        content = _write(lines, comma, colon, "\n")
        shape = ndjson_file.shape_of(content.split(b"\n", 1)[0])
        assert shape is not None
        even = ndjson_file.read_even(content, shape, source)
        assert even is not None
        assert not even.suspect.any()
        assert even.rows["s"].unique().to_list() == ['a, "b" é']
        assert _check(content) == 100
