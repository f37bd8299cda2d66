"""Split delimited text whose lines need a look each: quotes, comments, damage.

The look is still taken in columns. Lines of the right shape go to Polars together. A line that
needs a reader with a memory, such as one that begins a quoted text of several lines, goes to
Python's. A line whose quote is opened and never rightly closed is held back alone: the lines after
it are read as if it were not there.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.ingest.parts import LINE, Held

if TYPE_CHECKING:
    from _csv import Reader

BOM = "\ufeff"

_CUT_SHORT = "the file ends without a newline: this record may be cut short"
_NUL = "a NUL byte"
_BAD_BYTES = "bytes that are not text in the declared encoding"
_CARRIAGE_RETURN = "a carriage return inside the line"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How records are written.

    Args:
        delimiter: between fields.
        quote: around fields that hold a delimiter, a quote (doubled) or a newline; None: never.
        comment: a line that begins with it is no record.
    """

    delimiter: str = ","
    quote: str | None = '"'
    comment: str | None = None


@dataclass(slots=True)
class Split:
    """A block's records, split into fields.

    Args:
        seen: records in the block.
        fields: one String column for each field, and `_line`, in order.
        held: records that cannot be split.
        unread: bytes at the end that begin a record which the block does not finish.
        raw: text of records that Python's reader took, by their line.
    """

    seen: int
    fields: pl.DataFrame
    held: list[Held] = field(default_factory=list)
    unread: bytes = b""
    raw: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _OddRecord:
    """A record that begins at a line Polars cannot be trusted with."""

    lines: int
    fields: list[str]
    fault: str | None


def split_lines(
    block: bytes, names: list[str], dialect: Dialect, first_line: int, last: bool, cut: bool
) -> Split:
    """Split a block; the arguments are those of `tasks.ingest.delimited.split`."""
    raw = block.split(b"\n")[:-1]
    look = _look(block, raw, len(names), dialect)
    is_odd = look["odd"].to_numpy()
    odd, end = _read_odd(raw, is_odd, dialect, last)
    is_record = ~look["skipped"].to_numpy()
    for index, record in odd.items():
        is_record[index + 1 : index + record.lines] = False
    is_record[end:] = False
    is_plain = is_record & ~is_odd
    is_good = is_plain & look["fault"].is_null().to_numpy()
    split = Split(int(is_record.sum()), pl.DataFrame(), unread=_joined(raw[end:]))
    for index in np.flatnonzero(is_plain & ~is_good).tolist():
        split.held.append(Held(index, [look["fault"][index]], show(raw[index])))
    rows: list[list[str | int]] = []
    for index, record in odd.items():
        fault = record.fault or _count_fault(len(record.fields), len(names))
        text = show(b"\n".join(raw[index : index + record.lines]))
        if fault:
            split.held.append(Held(index, [fault], text))
        else:
            rows.append([*record.fields, index])
            split.raw[index + first_line] = text
    schema = {**dict.fromkeys(names, pl.String), LINE: pl.Int64}
    good = np.flatnonzero(is_good)
    plain = _fields_of(look["text"].gather(good), names, dialect)
    fields = pl.concat(
        [
            plain.with_columns(pl.Series(LINE, good, dtype=pl.Int64)),
            pl.DataFrame(rows, schema=schema, orient="row"),
        ]
    ).sort(LINE)
    if cut and end == len(raw):
        fields = _hold_cut(split, fields, raw, is_record, odd)
    split.fields = fields.with_columns(pl.col(LINE) + first_line)
    split.held = [
        Held(held.line + first_line, held.reasons, held.raw)
        for held in sorted(split.held, key=lambda held: held.line)
    ]
    return split


def show(raw: bytes) -> str:
    """A line as text; bytes that are none by their codes."""
    raw = raw.removesuffix(b"\n").removesuffix(b"\r")
    try:
        # Bytes that another encoding does not know arrive as lone surrogates.
        text = raw.decode("utf-8", "surrogatepass")
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeError:
        return raw.decode("utf-8", "backslashreplace")


def parse(
    text: bytes, names: list[str], dialect: Dialect, quoted: bool = True
) -> pl.DataFrame | None:
    """Have Polars split text into columns of it; None where it refuses."""
    try:
        return pl.read_csv(
            text,
            has_header=False,
            separator=dialect.delimiter,
            quote_char=dialect.quote if quoted else None,
            schema=dict.fromkeys(names, pl.String),
            infer_schema=False,
            empty_string_is_null=False,
            raise_if_empty=False,
        )
    except pl.exceptions.PolarsError:
        return None


def read_header(block: bytes, dialect: Dialect) -> tuple[list[str], int]:
    """The names in the first record, and the number of lines up to its end.

    Raises:
        ValueError: there is no record, or it cannot be read.
    """
    raw = block.split(b"\n")[:-1]
    comment = dialect.comment.encode() if dialect.comment else None
    for index, line in enumerate(raw):
        if line.strip(b"\r") and not (comment and line.startswith(comment)):
            record = _read_record(raw, index, dialect, last=True)
            if record is None or record.fault:
                raise ValueError(f"line {index + 1}: {record.fault if record else 'unfinished'}")
            return record.fields, index + record.lines
    raise ValueError("no line at all")


def _joined(raw: list[bytes]) -> bytes:
    return b"\n".join([*raw, b""])


def _look(block: bytes, raw: list[bytes], width: int, dialect: Dialect) -> pl.DataFrame:
    """One row a line: `text`, whether it is `odd`, whether it is `skipped`, and its `fault`."""
    text = pl.col("text")
    quote, delimiter = dialect.quote, dialect.delimiter
    has_quote = text.str.contains(quote, literal=True) if quote else pl.lit(False)
    blank = (text == "") if width > 1 else pl.lit(False)
    comment = text.str.starts_with(dialect.comment) if dialect.comment else pl.lit(False)
    bare = text.str.replace_all(f"{quote}[^{quote}]*{quote}", "") if quote else text
    count = pl.when(has_quote).then(bare).otherwise(text).str.count_matches(delimiter, literal=True)
    regular = text.str.contains(_grammar(dialect)) if quote else pl.lit(True)
    begins_with_bom = text.str.starts_with(BOM)  # Polars would drop one from the first line given
    readable = text.is_not_null() & ~text.str.contains("\0", literal=True)
    odd = readable & ((has_quote & ~regular) | begins_with_bom)
    found = (count + 1).cast(pl.Int64)
    fault = (
        pl.when(text.is_null())
        .then(pl.lit(_BAD_BYTES))
        .when(text.str.contains("\0", literal=True))
        .then(pl.lit(_NUL))
        .when(bare.str.contains("\r", literal=True))
        .then(pl.lit(_CARRIAGE_RETURN))
        .when(found != width)
        .then(pl.format("{} fields, {} are declared", found, pl.lit(width)))
    )
    skipped = (blank | comment).fill_null(False)
    return (
        _texts(block, raw)
        .to_frame()
        .select(
            text,
            odd=(odd & ~skipped).fill_null(False),
            skipped=skipped,
            fault=fault,
        )
    )


def _texts(block: bytes, raw: list[bytes]) -> pl.Series:
    """The lines, without their ends; null for one that is no text."""
    try:
        whole = pl.Series("text", [block.decode().removesuffix("\n")])
        texts = whole.str.split("\n").explode()
    except UnicodeDecodeError:
        texts = pl.Series("text", [_text_or_none(line) for line in raw], dtype=pl.String)
    return texts.str.strip_suffix("\r")


def _text_or_none(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None


def _grammar(dialect: Dialect) -> str:
    """What a line of one whole record looks like, quoted fields closed where they should be."""
    assert dialect.quote is not None
    quote, delimiter = re.escape(dialect.quote), re.escape(dialect.delimiter)
    one = rf"(?:{quote}(?:[^{quote}]|{quote}{quote})*{quote}|[^{quote}{delimiter}\r]*)"
    return rf"^{one}(?:{delimiter}{one})*$"


def _fields_of(lines: pl.Series, names: list[str], dialect: Dialect) -> pl.DataFrame:
    if lines.is_empty():
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    frame = parse((lines.str.join("\n").item() + "\n").encode(), names, dialect)
    if frame is not None and frame.height == len(lines):
        return frame
    reader = _reader(lines, dialect)
    return pl.DataFrame(list(reader), schema=dict.fromkeys(names, pl.String), orient="row")


def _read_odd(
    raw: list[bytes], is_odd: npt.NDArray[np.bool_], dialect: Dialect, last: bool
) -> tuple[dict[int, _OddRecord], int]:
    """Read the records that begin at odd lines.

    Returns:
        The records by the index of their first line, and the number of lines read: all of them,
        unless the last record goes on in the next block.
    """
    records: dict[int, _OddRecord] = {}
    free = 0
    for index in np.flatnonzero(is_odd).tolist():
        if index < free:
            continue
        record = _read_record(raw, index, dialect, last)
        if record is None:
            return records, index
        records[index] = record
        free = index + record.lines
    return records, len(raw)


def _read_record(raw: list[bytes], index: int, dialect: Dialect, last: bool) -> _OddRecord | None:
    """Read one record; None where it goes on behind the block."""
    feed = _Feed(raw, index)
    reader = _reader(feed, dialect)
    try:
        fields = next(reader)
    except csv.Error as error:
        if feed.ran_out and not last:
            return None
        stray = "new-line" in str(error)
        fault = _CARRIAGE_RETURN if stray else f"quotes that do not close rightly: {error}"
        return _OddRecord(1, [], fault)
    except UnicodeDecodeError:
        return _OddRecord(1, [], "quotes that do not close before " + _BAD_BYTES)
    fault = _NUL if "\0" in "".join(fields) else None
    if raw[index + reader.line_num - 1].endswith(b"\r\r"):  # Python's reader takes any number
        fault = _CARRIAGE_RETURN
    return _OddRecord(reader.line_num, fields, fault)


@dataclass(slots=True)
class _Feed:
    """The lines from one on, each with its newline; remembers whether it was asked for more."""

    raw: list[bytes]
    index: int
    ran_out: bool = False

    def __iter__(self) -> Iterator[str]:
        for line in itertools.islice(self.raw, self.index, None):
            yield line.decode() + "\n"
        self.ran_out = True


def _reader(lines: Iterable[str], dialect: Dialect) -> Reader:
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        strict=True,
    )


def _count_fault(found: int, width: int) -> str | None:
    return None if found == width else f"{found} fields, {width} are declared"


def _hold_cut(
    split: Split,
    fields: pl.DataFrame,
    raw: list[bytes],
    is_record: npt.NDArray[np.bool_],
    odd: dict[int, _OddRecord],
) -> pl.DataFrame:
    """Hold back the record that the file's last line, without a newline, belongs to."""
    records = np.flatnonzero(is_record)
    if not records.size:
        return fields
    start = int(records[-1])
    lines = odd[start].lines if start in odd else 1
    if start + lines < len(raw):
        return fields
    known = next((held for held in split.held if held.line == start), None)
    if known is not None:
        known.reasons.append(_CUT_SHORT)
        return fields
    text = show(b"\n".join(raw[start : start + lines]))
    split.held.append(Held(start, [_CUT_SHORT], text))
    return fields.filter(pl.col(LINE) != start)
