"""The lines of a block of delimited text, and which of them need a look each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import overload

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.ingest.odd_records import BAD_BYTES, CARRIAGE_RETURN, NUL, Dialect

_BOM = "\ufeff"
_NEWLINE, _RETURN = ord("\n"), ord("\r")

Marks = npt.NDArray[np.bool_]


class Lines(Sequence[bytes]):
    """A block's lines, without their newlines, found but not yet cut apart.

    Args:
        block: whole lines, each with its newline.
    """

    def __init__(self, block: bytes) -> None:
        self.block = block
        self.codes = np.frombuffer(block, dtype=np.uint8)
        self.ends = np.flatnonzero(self.codes == _NEWLINE)
        self.starts = np.concatenate([[0], self.ends[:-1] + 1]).astype(np.int64)[: len(self.ends)]

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...

    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        return self.block[self.starts[index] : self.ends[index]]

    def chosen(self, marks: Marks) -> bytes:
        """The marked lines, each with its newline, joined."""
        if marks.all():
            return self.block
        edges = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]])))
        begins, behind = edges[::2].tolist(), (edges[1::2] - 1).tolist()
        slices = zip(self.starts[begins].tolist(), self.ends[behind].tolist(), strict=True)
        return b"".join(self.block[start : end + 1] for start, end in slices)


def count_lines(block: bytes) -> int:
    """The newlines in a block."""
    return int(np.count_nonzero(np.frombuffer(block, dtype=np.uint8) == _NEWLINE))


def suspects(lines: Lines, width: int, dialect: Dialect, recount: bool) -> Marks:
    """Mark the lines that a plain reader might get wrong.

    A line with a quote, a NUL, a stray carriage return, a byte order mark at its start, bytes that
    are no text, or a comment; a blank one; and any whose delimiters are too many or too few.

    Args:
        lines: the lines.
        width: fields of a record.
        dialect: how records are written.
        recount: whether to decode each line and count its delimiters. Otherwise their sum has to
            do, which shows a line of too few only if none has too many; Polars refuses a line of
            too many, and one that is no text.
    """
    marks = np.zeros(len(lines), dtype=bool)
    codes, block = lines.codes, lines.block
    for mark in (dialect.quote, dialect.escape, "\0"):
        if mark is not None and mark.encode() in block:
            marks[np.searchsorted(lines.ends, np.flatnonzero(codes == ord(mark)))] = True
    if b"\r" in block:
        returns = np.flatnonzero(codes == _RETURN)
        stray = returns[codes[returns + 1] != _NEWLINE]
        marks[np.searchsorted(lines.ends, stray)] = True
    first = codes[lines.starts]
    marks |= (first == _NEWLINE) | (first == _RETURN) | (first == _BOM.encode()[0])
    if dialect.comment:
        marks |= first == dialect.comment.encode()[0]
    if recount:
        marks |= undecodable(lines)
    delimiters = codes == ord(dialect.delimiter)
    plain = len(lines) - int(marks.sum())
    in_plain = (
        int(np.count_nonzero(delimiters)) - lines.chosen(marks).count(dialect.delimiter.encode())
        if marks.any()
        else int(np.count_nonzero(delimiters))
    )
    if recount or in_plain != plain * (width - 1):
        marks |= np.add.reduceat(delimiters, lines.starts, dtype=np.int32) != width - 1
    return marks


def undecodable(lines: Lines) -> Marks:
    """Mark the lines that are not UTF-8."""
    marks = np.zeros(len(lines), dtype=bool)
    try:
        lines.block.decode()
    except UnicodeDecodeError:
        for index in range(len(lines)):
            marks[index] = _text(lines[index]) is None
    return marks


def _text(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None


def look(raw: list[bytes], width: int, dialect: Dialect) -> pl.DataFrame:
    """Look at suspect lines, still in columns.

    Args:
        raw: the lines.
        width: fields of a record.
        dialect: how records are written.

    Returns:
        One row a line: whether it is `odd` (a record may begin there that Polars cannot be trusted
        with), whether it is `skipped` (no record), and its `fault`, if it has one.
    """
    text = pl.col("text")
    quote, delimiter = dialect.quote, dialect.delimiter
    bare = text.str.replace_all(f"{quote}[^{quote}]*{quote}", "") if quote else text
    regular = text.str.contains(_grammar(dialect)) if quote else pl.lit(True)
    blank = (text == "") if width > 1 else pl.lit(False)
    comment = text.str.starts_with(dialect.comment) if dialect.comment else pl.lit(False)
    skipped = (blank | comment).fill_null(False)
    # Polars would drop a byte order mark from the first line it is given.
    readable = text.is_not_null() & ~text.str.contains("\0", literal=True)
    escaped = text.str.contains(dialect.escape, literal=True) if dialect.escape else pl.lit(False)
    odd = readable & (
        ((~regular | text.str.starts_with(_BOM)) & text.str.contains(f"[{quote or ''}{_BOM}]"))
        | escaped
    )
    found = bare.str.count_matches(delimiter, literal=True).cast(pl.Int64) + 1
    fault = (
        pl.when(text.is_null())
        .then(pl.lit(BAD_BYTES))
        .when(text.str.contains("\0", literal=True))
        .then(pl.lit(NUL))
        .when(bare.str.contains("\r", literal=True))
        .then(pl.lit(CARRIAGE_RETURN))
        .when(found != width)
        .then(pl.format("{} fields, {} are declared", found, pl.lit(width)))
    )
    texts = pl.Series("text", [_text(line) for line in raw], dtype=pl.String)
    return (
        texts.str.strip_suffix("\r")
        .to_frame()
        .select(odd=odd.fill_null(False) & ~skipped, skipped=skipped, fault=fault)
    )


def _grammar(dialect: Dialect) -> str:
    """What a line of one whole record looks like, quoted fields closed where they should be."""
    assert dialect.quote is not None
    quote, delimiter = re.escape(dialect.quote), re.escape(dialect.delimiter)
    one = rf"(?:{quote}(?:[^{quote}]|{quote}{quote})*{quote}|[^{quote}{delimiter}\r]*)"
    return rf"^{one}(?:{delimiter}{one})*$"
