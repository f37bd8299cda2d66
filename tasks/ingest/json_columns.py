"""Read JSON lines of one shape as columns: cut apart, and every piece proved by its grammar.

What is taken is what `tasks.ingest.records` takes, value for value. A line with a piece that is
wrong, or right but takes a parser, is a suspect: it is left to that.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.ingest import text
from tasks.ingest.evolving import new_names
from tasks.ingest.json_shape import SEPARATOR, Shape
from tasks.ingest.lines import Lines, count_lines
from tasks.ingest.schema import ColumnType, Source

_CUT = SEPARATOR  # no name holds one, so that with a number this is no name
_REST = f"{_CUT}rest"
_FLAGS = ("true", "false")
_WHOLE = "(?:0|-?[1-9][0-9]*)"
_PLAIN_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?"
_NUMBER = rf"{_PLAIN_NUMBER}(?:[eE][+-]?[0-9]+)?"
_NO_SURROGATE = "u(?:[0-9a-ce-fA-CE-F][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2})"
_TEXT = rf'^(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|{_NO_SURROGATE}))*$'
_EXACT_FLOAT = 2.0**53


@dataclass(frozen=True, slots=True)
class Even:
    """What could be read of a block as columns.

    Args:
        rows: one row a line, in order: the declared columns, typed, then new ones as text.
        suspect: the lines whose row says nothing.
    """

    rows: pl.DataFrame
    suspect: pl.Series


def read_even(block: bytes, shape: Shape, source: Source) -> Even | None:
    """Read lines that should have a shape; None where they cannot be cut apart.

    Args:
        block: lines, each with its newline and without a carriage return.
        shape: their shape, with every declared column.
        source: its declaration.
    """
    pieces = _cut(block, shape)
    if pieces is None:
        return None
    parts = _pieces(shape)
    values = {name: part.read(source.columns.get(name), source) for name, part in parts.items()}
    read = pieces.with_columns(value.alias(name) for name, value in values.items())
    marks = (pl.col(name).is_not_null() | part.is_null for name, part in parts.items())
    good = read.select(pl.all_horizontal(pl.col(_REST) == "", *marks)).to_series()
    spelled = {
        name: column for name, column in source.columns.items() if read.schema[name] == pl.String
    }
    read, good = _prove_texts(read, good, parts, block)
    typed = text.read(read.select(list(spelled)), spelled, keep_empty=source.empty_text == "keep")
    if typed.failed is not None:
        good &= ~typed.failed
    columns = [*source.columns, *new_names(shape.names, source)]
    return Even(read.with_columns(typed.rows).select(columns), ~good)


def _cut(block: bytes, shape: Shape) -> pl.DataFrame | None:
    """The pieces of each line, and what is left of one with too many."""
    if SEPARATOR.encode() in block:
        return None
    columns = [*(f"{_CUT}{index}" for index in range(len(shape.names))), _REST]
    try:
        pieces = pl.read_csv(
            shape.separate(block),
            has_header=False,
            separator=SEPARATOR,
            quote_char=None,
            schema=dict.fromkeys(columns, pl.String),
            infer_schema=False,
            empty_string_is_null=False,
            missing_columns="insert",
            extra_columns="ignore",
            truncate_ragged_lines=True,
        )
    except pl.exceptions.PolarsError:  # bytes that are no text
        return None
    return pieces if pieces.height == count_lines(block) else None


def _pieces(shape: Shape) -> dict[str, _Piece]:
    last = len(shape.names) - 1
    return {
        name: _Piece(pl.col(f"{_CUT}{index}"), lead, shape.end if index == last else "")
        for index, (name, lead) in enumerate(zip(shape.names, shape.leads, strict=True))
    }


@dataclass(frozen=True, slots=True)
class _Piece:
    """What was cut out of a line: a value and what must stand around it.

    Args:
        cut: the piece.
        lead: what must stand before the value.
        end: what must stand behind it.
    """

    cut: pl.Expr
    lead: str
    end: str

    @property
    def is_null(self) -> pl.Expr:
        return self.cut == f"{self.lead}null{self.end}"

    @property
    def is_quoted(self) -> pl.Expr:
        """Whether a text stands there, its inside still to be proved."""
        lead, end = f'{self.lead}"', f'"{self.end}'
        both = self.cut.str.starts_with(lead) & self.cut.str.ends_with(end)
        return both & (self.cut != f"{lead}{self.end}")

    def read(self, column: ColumnType | None, source: Source) -> pl.Expr:
        """The value, typed or the inside of a text; null where it is null or cannot be read."""
        if column is None:
            return self._text(f"true|false|{_WHOLE if source.drift == 'evolve' else _NUMBER}")
        if column.type == "bool":
            return self._flag()
        if column.type[0] in "iu":
            return self._whole(column)
        if column.type[0] == "f":
            return self._float(column)
        return self._text(_PLAIN_NUMBER if column.type.startswith("decimal") else None)

    def _text(self, unquoted: str | None) -> pl.Expr:
        """The inside of a text, or what may stand without quotes."""
        inside = self._between(len(self.lead) + 1, len(self.end) + 1)
        value = pl.when(self.is_quoted).then(inside)
        if unquoted is None:
            return value
        is_bare = self._is_led & self._bare.str.contains(f"^(?:{unquoted})$")
        return value.when(is_bare).then(self._bare)

    def _flag(self) -> pl.Expr:
        is_true, is_false = (self.cut == f"{self.lead}{is_it}{self.end}" for is_it in _FLAGS)
        return pl.when(is_true | is_false).then(is_true)

    def _whole(self, column: ColumnType) -> pl.Expr:
        """Without the plus sign and the leading zeros that Polars takes and JSON does not."""
        zero, end = f"{self.lead}0", self.end
        sign = self.cut.str.starts_with(f"{self.lead}+")
        zeros = self.cut.str.starts_with(zero) & (self.cut != zero + end)
        # A negative number with a leading zero is a rarity: -0 may as well be parsed.
        minus = self.cut.str.starts_with(f"{self.lead}-0")
        value = self._bare.cast(column.dtype, strict=False)
        return pl.when(self._is_led & ~sign & ~zeros & ~minus).then(value)

    def _float(self, column: ColumnType) -> pl.Expr:
        """As a whole number -0 is 0, and whole numbers beyond 2**53 are none that a float holds."""
        written = self._bare.str.contains(f"^{_NUMBER}$") & (self._bare != "-0")
        value = self._bare.cast(pl.Float64, strict=False)
        fits = self._is_led & written & (value.abs() <= _EXACT_FLOAT)
        return pl.when(fits).then(value.cast(column.dtype))

    @property
    def _is_led(self) -> pl.Expr:
        led = self.cut.str.starts_with(self.lead)
        return led & self.cut.str.ends_with(self.end) if self.end else led

    @property
    def _bare(self) -> pl.Expr:
        return self._between(len(self.lead), len(self.end))

    def _between(self, left: int, right: int) -> pl.Expr:
        inner = self.cut.str.slice(left)
        return inner.str.head(-right) if right else inner


def _prove_texts(
    read: pl.DataFrame, good: pl.Series, parts: dict[str, _Piece], block: bytes
) -> tuple[pl.DataFrame, pl.Series]:
    """Prove that what stands between quotes is the inside of a text, and unescape it.

    Returns:
        The frame, and which of its rows are good.
    """
    texts = [name for name in parts if read.schema[name] == pl.String]
    escaped = _escaped(read, good, texts, block)
    if not _has_no_other_quote(read, good, parts, block, escaped):
        for name in texts:
            good &= read[name].str.contains(_TEXT).fill_null(True)
    for name, at in escaped.items():
        inside = read[name].gather(at)
        right = inside.str.contains(_TEXT)
        good = good.scatter(at.filter(~right), False)
        texts_there = json.loads('["' + '","'.join(inside.filter(right)) + '"]')
        plain = pl.Series(texts_there, dtype=pl.String)
        read = read.with_columns(read[name].scatter(at.filter(right), plain))
    return read, good


def _has_no_other_quote(
    read: pl.DataFrame,
    good: pl.Series,
    parts: dict[str, _Piece],
    block: bytes,
    escaped: dict[str, pl.Series],
) -> bool:
    """Whether the good lines have the quotes of their names and texts, and no control character.

    A line has at least these quotes, so it is enough to count those of all lines.
    """
    codes = np.frombuffer(block, dtype=np.uint8)
    if int(np.count_nonzero(codes < 0x20)) != read.height:
        return False
    found = int(np.count_nonzero(codes == ord('"')))
    if not good.all():
        found -= Lines(block).chosen((~good).to_numpy()).count(b'"')
    texts = [name for name in parts if read.schema[name] == pl.String]
    quoted = read.select((parts[name].is_quoted & good).sum().alias(name) for name in texts)
    for name, at in escaped.items():
        found -= int(read[name].gather(at).str.count_matches('"', literal=True).sum())
    expected: int = 2 * (len(parts) * int(good.sum()) + sum(quoted.row(0)))
    return found == expected


def _escaped(
    read: pl.DataFrame, good: pl.Series, texts: list[str], block: bytes
) -> dict[str, pl.Series]:
    """For each column of text with an escape, the positions of the good lines that have one."""
    if b"\\" not in block:
        return {}
    lines = Lines(block)
    places = np.searchsorted(lines.ends, np.flatnonzero(lines.codes == ord("\\")))
    rows = pl.Series(np.unique(places)).filter(good.gather(np.unique(places)))
    found = {
        name: rows.filter(read[name].gather(rows).str.contains("\\", literal=True).fill_null(False))
        for name in texts
    }
    return {name: at for name, at in found.items() if len(at)}
