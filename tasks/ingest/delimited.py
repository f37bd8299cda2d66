"""Split delimited text into fields, exactly and fast.

The bytes come in blocks of whole lines. Lines of the right shape go to Polars together; it is safe
because Polars refuses a row of too many fields, and as many delimiters as the rows need leave none
with too few. The few lines that need a look get one (`tasks.ingest.lines`), and those that need a
reader with a memory get it (`tasks.ingest.odd_records`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from tasks.ingest.lines import Lines, Marks, look, suspects
from tasks.ingest.odd_records import Dialect, read_odd, read_record
from tasks.ingest.parts import LINE, Held

CUT_SHORT = "the file ends without a newline: this record may be cut short"


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


def split(
    block: bytes,
    names: list[str],
    dialect: Dialect,
    first_line: int,
    last: bool = True,
    cut: bool = False,
) -> Split:
    """Split a block.

    Args:
        block: whole lines of UTF-8, each with its newline.
        names: of the fields.
        dialect: how they are written.
        first_line: number of the block's first line.
        last: whether nothing follows the block.
        cut: whether the last line had no newline of its own.
    """
    if not block:
        return Split(0, _no_fields(names))
    lines = Lines(block)
    for recount in (False, True):
        done = _Splitting(lines, names, dialect, last, recount)
        fields = done.parse()
        if fields is not None:
            return done.finish(fields, first_line, cut)
    raise AssertionError("Polars takes lines whose delimiters were counted one by one")


def read_header(block: bytes, dialect: Dialect) -> tuple[list[str], int]:
    """The names in the first record, and the number of lines up to its end.

    Raises:
        ValueError: there is no record, or it cannot be read.
    """
    raw = block.split(b"\n")[:-1]
    comment = dialect.comment.encode() if dialect.comment else None
    for index, line in enumerate(raw):
        if line.strip(b"\r") and not (comment and line.startswith(comment)):
            record = read_record(raw, index, dialect)
            if record is None or record.fault:
                raise ValueError(f"line {index + 1}: {record.fault if record else 'unfinished'}")
            return record.fields, index + record.lines
    raise ValueError("no line at all")


def show(raw: bytes) -> str:
    """A line as text; bytes that are none by their codes."""
    raw = raw.removesuffix(b"\n").removesuffix(b"\r")
    try:
        # Bytes that another encoding does not know arrive as lone surrogates.
        text = raw.decode("utf-8", "surrogatepass")
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeError:
        return raw.decode("utf-8", "backslashreplace")


class _Splitting:
    """The marks of one block's lines: which begin a record, and which of those are good."""

    def __init__(
        self, lines: Lines, names: list[str], dialect: Dialect, last: bool, recount: bool
    ) -> None:
        self._lines, self._names, self._dialect = lines, names, dialect
        suspect = np.flatnonzero(suspects(lines, len(names), dialect, recount))
        seen = look([lines[index] for index in suspect.tolist()], len(names), dialect)
        is_odd = _at(suspect[seen["odd"].to_numpy()], len(lines))
        self.odd, self.end = read_odd(lines, np.flatnonzero(is_odd).tolist(), dialect, last)
        self.is_record = ~_at(suspect[seen["skipped"].to_numpy()], len(lines))
        for index, record in self.odd.items():
            self.is_record[index + 1 : index + record.lines] = False
        self.is_record[self.end :] = False
        faulty = suspect[seen["fault"].is_not_null().to_numpy()]
        faults = dict(zip(faulty.tolist(), seen["fault"].drop_nulls(), strict=True))
        self.faults = {
            index: fault
            for index, fault in faults.items()
            if self.is_record[index] and not is_odd[index]
        }
        self.is_good = self.is_record & ~is_odd
        self.is_good[list(self.faults)] = False

    def parse(self) -> pl.DataFrame | None:
        """Have Polars split the good lines; None where it refuses."""
        good = np.flatnonzero(self.is_good)
        if not good.size:
            return _no_fields(self._names)
        try:
            frame = pl.read_csv(
                self._lines.chosen(self.is_good),
                has_header=False,
                separator=self._dialect.delimiter,
                quote_char=self._dialect.quote,
                schema=dict.fromkeys(self._names, pl.String),
                infer_schema=False,
                empty_string_is_null=False,
                raise_if_empty=False,
            )
        except pl.exceptions.PolarsError:
            return None
        if frame.height != good.size:
            return None
        # Polars' reader gives many chunks, and each query of them would join them anew.
        return frame.rechunk().with_columns(pl.Series(LINE, good, dtype=pl.Int64))

    def finish(self, fields: pl.DataFrame, first_line: int, cut: bool) -> Split:
        """Add the odd records, and the held ones, and number them."""
        lines, width = self._lines, len(self._names)
        split = Split(int(self.is_record.sum()), fields)
        if self.end < len(lines):
            split.unread = lines.block[lines.starts[self.end] :]
        held = {index: (fault, 1) for index, fault in self.faults.items()}
        taken: list[list[str | int]] = []
        for index, record in self.odd.items():
            fault = record.fault or _count_fault(len(record.fields), width)
            if fault:
                held[index] = (fault, record.lines)
            else:
                taken.append([*record.fields, index])
                split.raw[index + first_line] = self._text(index, record.lines)
        if taken:
            odd = pl.DataFrame(taken, schema=fields.schema, orient="row")
            fields = pl.concat([fields, odd]).sort(LINE)
        reasons = {index: [fault] for index, (fault, _) in held.items()}
        spans = {index: count for index, (_, count) in held.items()}
        last = self._last_record() if cut else None
        if last is not None:
            reasons.setdefault(last, []).append(CUT_SHORT)
            spans[last] = len(lines) - last
            fields = fields.filter(pl.col(LINE) != last)
        split.fields = fields.with_columns(pl.col(LINE) + first_line)
        split.held = [
            Held(index + first_line, reasons[index], self._text(index, spans[index]))
            for index in sorted(reasons)
        ]
        return split

    def _last_record(self) -> int | None:
        """The record that the block's last line belongs to."""
        records = np.flatnonzero(self.is_record)
        if self.end < len(self._lines) or not records.size:
            return None
        start = int(records[-1])
        count = self.odd[start].lines if start in self.odd else 1
        return start if start + count == len(self._lines) else None

    def _text(self, index: int, count: int) -> str:
        return show(b"\n".join(self._lines[index : index + count]))


def _at(indices: np.typing.NDArray[np.int64], length: int) -> Marks:
    marks = np.zeros(length, dtype=bool)
    marks[indices] = True
    return marks


def _no_fields(names: list[str]) -> pl.DataFrame:
    return pl.DataFrame(schema={**dict.fromkeys(names, pl.String), LINE: pl.Int64})


def _count_fault(found: int, width: int) -> str | None:
    return None if found == width else f"{found} fields, {width} are declared"
