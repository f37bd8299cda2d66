"""Whatever is written, every record is taken as it was written or held back."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import example, given, settings

import tasks.ingest.decoding as decoding
from tasks.ingest.config import FilesConfig
from tasks.ingest.csv_file import read_csv
from tasks.ingest.parts import Part

TEXT = st.text(st.sampled_from("ab,;\"'\n\r#é \t0\ufeff€"), max_size=6)
ROWS = st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=12)


def _read(content: bytes, **more: object) -> tuple[pl.DataFrame, list[Part]]:
    source = FilesConfig.model_validate(
        {
            "kind": "files",
            "path": "x",
            "header": False,
            "schema": {"a": "str", "b": "str", "c": "str"},
            "empty_text": "keep",
            **more,
        }
    )
    with tempfile.TemporaryDirectory() as folder, Path(folder, "x").open("w+b") as file:
        file.write(content)
        file.seek(0)
        parts = list(read_csv(file, "x", source))
    return pl.concat([part.rows for part in parts]), parts


def _write(rows: list[tuple[str, str, str]], quoting: int, ending: str) -> bytes:
    sink = io.StringIO(newline="")
    csv.writer(sink, quoting=quoting, lineterminator=ending).writerows(rows)
    return sink.getvalue().encode()


@given(ROWS, st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.sampled_from(["\n", "\r\n"]))
@example([("\ufeff", "", "")], csv.QUOTE_MINIMAL, "\n")
@settings(max_examples=150, deadline=None)
def test_what_the_csv_module_writes_is_read_back_unchanged(
    rows: list[tuple[str, str, str]], quoting: int, ending: str
) -> None:
    """Python's writer is the oracle."""
    if quoting == csv.QUOTE_MINIMAL:
        ending = "\r\n"  # with another, the writer leaves a carriage return in a field unquoted
    # The byte order mark of a file's very first cell is not text: RFC 3629 lets a reader drop it.
    if rows and quoting == csv.QUOTE_MINIMAL and rows[0][0].startswith("\ufeff"):
        rows = [(rows[0][0].lstrip("\ufeff"), *rows[0][1:]), *rows[1:]]
    frame, parts = _read(_write(rows, quoting, ending))
    assert frame.select("a", "b", "c").rows() == rows
    assert sum(part.seen for part in parts) == len(rows)
    assert not any(part.held for part in parts)


@given(
    ROWS,
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.lists(
        st.tuples(
            st.integers(0, 300), st.sampled_from([b"", b'"', b",", b"\n", b"\r", b"\0", b"\xff"])
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 300),
)
@settings(max_examples=200, deadline=None)
def test_a_mutilated_file_loses_no_record_and_changes_no_value(
    rows: list[tuple[str, str, str]], quoting: int, edits: list[tuple[int, bytes]], cut: int
) -> None:
    content = _write(rows, quoting, "\n")
    for at, piece in edits:
        place = at % (len(content) + 1)
        content = content[:place] + piece + content[place + (piece == b"") :]
    content = content[: len(content) - cut % (len(content) + 1) // 8]
    frame, parts = _read(content)
    held = [one for part in parts for one in part.held]
    assert sum(part.seen for part in parts) == frame.height + len(held)
    lines = content.split(b"\n")
    starts = sorted([*frame["_line"].to_list(), *(one.line for one in held)])
    assert len(set(starts)) == len(starts)
    for line in frame.iter_rows(named=True):
        _check_as_written(line, lines, starts)
    covered = len(starts) + sum(_inner(row) for row in frame.iter_rows(named=True))
    covered += sum(one.raw.count("\n") for one in held)
    blank = sum(1 for text in lines if not text.strip(b"\r"))
    assert covered + blank >= len([text for text in lines if text])


def _inner(row: dict[str, str]) -> int:
    return sum(row[name].count("\n") for name in "abc")


def _check_as_written(row: dict[str, object], lines: list[bytes], starts: list[int]) -> None:
    """Reading the record's own lines with the csv module gives the very values."""
    first = int(str(row["_line"])) - 1
    count = sum(str(row[name]).count("\n") for name in "abc") + 1
    text = b"\n".join(lines[first : first + count]).decode() + "\n"
    if first == 0:
        text = text.removeprefix("\ufeff")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert next(reader) == [row["a"], row["b"], row["c"]]
    assert next(reader, None) is None


QUOTED = st.lists(
    st.sampled_from(
        [b"a,b,c", b'"a\n,\nb"', b'"x', b'y"', b',"', b'""', b",", b"\n", b"\r\n", b"\xff"]
    ),
    max_size=40,
)


@given(
    st.one_of(ROWS.map(lambda rows: _write(rows, csv.QUOTE_MINIMAL, "\n")), QUOTED.map(b"".join))
)
@example(b'a,b,"c\nd"\ne,f,"g\n\nh"\n' * 5)
@example(b'a,b,"c\n' + b"d,e,f\n" * 9)
@settings(max_examples=100, deadline=None)
def test_blocks_read_at_once_give_what_one_block_gives(content: bytes) -> None:
    """Whatever a block's beginning belongs to, and whether its quotes are ever closed."""
    whole, parts = _read(content)
    held = [one for part in parts for one in part.held]
    for size in (1, 3, 7, 16, 40):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(decoding, "_BLOCK_BYTES", size)
            frame, smaller = _read(content)
        assert frame.equals(whole)
        assert [one for part in smaller for one in part.held] == held
        assert sum(part.seen for part in smaller) == sum(part.seen for part in parts)
