"""Read records that take a reader with a memory: Python's own.

A quoted text may go on over lines; a quote may stand inside a text that is not quoted. A record
whose quote is opened and never rightly closed is its first line alone: the lines after it are read
as if it were not there.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _csv import Reader

NUL = "a NUL byte"
BAD_BYTES = "bytes that are not text in the declared encoding"
CARRIAGE_RETURN = "a carriage return inside the line"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How records are written.

    Args:
        delimiter: between fields.
        quote: around fields that hold a delimiter, a quote (doubled) or a newline; None: never.
        comment: a line that begins with it is no record.
        escape: takes its meaning from the character behind it, quoted or not; None: none does.
    """

    delimiter: str = ","
    quote: str | None = '"'
    comment: str | None = None
    escape: str | None = None


@dataclass(frozen=True, slots=True)
class OddRecord:
    """A record, or why its first line is none.

    Args:
        lines: how many it takes.
        fields: its fields.
        fault: why it is held back; None where it is not.
    """

    lines: int
    fields: list[str]
    fault: str | None


def read_odd(
    raw: Sequence[bytes], indices: Iterable[int], dialect: Dialect, last: bool
) -> tuple[dict[int, OddRecord], int]:
    """Read the records that begin at some lines, unless another record takes those.

    Args:
        raw: all lines, without their newlines.
        indices: the lines, in order.
        dialect: how records are written.
        last: whether nothing follows the lines.

    Returns:
        The records by the index of their first line, and the number of lines read: all of them,
        unless the last record goes on behind them.
    """
    records: dict[int, OddRecord] = {}
    free = 0
    for index in indices:
        if index < free:
            continue
        record = read_record(raw, index, dialect, last)
        if record is None:
            return records, index
        records[index] = record
        free = index + record.lines
    return records, len(raw)


def read_record(
    raw: Sequence[bytes], index: int, dialect: Dialect, last: bool = True
) -> OddRecord | None:
    """Read one record; None where it goes on behind the lines and they are not the last."""
    feed = _Feed(raw, index, dialect)
    reader = _reader(feed, dialect)
    try:
        fields = next(reader)
    except csv.Error as error:
        if feed.ran_out and not last:
            return None
        stray = "new-line" in str(error)
        fault = CARRIAGE_RETURN if stray else f"quotes that do not close rightly: {error}"
        return OddRecord(1, [], fault)
    except UnicodeDecodeError:
        return OddRecord(1, [], "quotes that do not close before " + BAD_BYTES)
    faulty = NUL if "\0" in "".join(fields) else None
    if raw[index + reader.line_num - 1].endswith(b"\r\r"):  # Python's reader takes any number
        faulty = CARRIAGE_RETURN
    return OddRecord(reader.line_num, fields, faulty)


@dataclass(slots=True)
class _Feed:
    """The lines from one on, each with its newline; remembers whether it was asked for more."""

    raw: Sequence[bytes]
    index: int
    dialect: Dialect
    ran_out: bool = False

    def __iter__(self) -> Iterator[str]:
        for index in range(self.index, len(self.raw)):
            yield _keep_null(self.raw[index].decode(), self.dialect) + "\n"
        self.ran_out = True


def _keep_null(line: str, dialect: Dialect) -> str:
    r"""Escape the escape of a field that is `\N` alone: it means null, and not N."""
    if not dialect.escape or f"{dialect.escape}N" not in line:
        return line
    escape, delimiter = re.escape(dialect.escape), re.escape(dialect.delimiter)
    return re.sub(rf"(^|{delimiter}){escape}N(?={delimiter}|\r?$)", rf"\1{escape}{escape}N", line)


def _reader(lines: Iterable[str], dialect: Dialect) -> Reader:
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        escapechar=dialect.escape,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        strict=True,
    )
