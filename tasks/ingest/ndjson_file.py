"""Read newline-delimited JSON: one object a line.

Blocks of plain lines are read as columns at once (`tasks.ingest.json_lines`). Of others, lines of
one shape, as a program writes them, are cut apart (`tasks.ingest.json_columns`), and lines of which
this says nothing are parsed one by one (`tasks.ingest.records`). All give the same.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.ingest.config import FilesConfig
from tasks.ingest.decoding import blocks_of_lines
from tasks.ingest.delimited import CUT_SHORT, show
from tasks.ingest.in_order import in_order
from tasks.ingest.json_columns import read_even
from tasks.ingest.json_lines import read_lines
from tasks.ingest.json_shape import SEPARATOR, Shape, shape_of
from tasks.ingest.json_text import read_json
from tasks.ingest.lines import Lines, Marks, count_lines, undecodable
from tasks.ingest.parts import LINE, Held, Part
from tasks.ingest.records import take_objects

_SHAPES = 4  # that are looked for among a block's lines
_WORTHWHILE = 64  # lines; fewer are sooner parsed than cut apart
_BLANK = b" \t\r"  # what JSON takes for it; a form feed is damage
_ASKED = 3  # lines for their shape, before the others are held to have none


@dataclass(frozen=True, slots=True)
class _Lines:
    """Some lines of a file, each with its newline, and their numbers."""

    content: bytes
    numbers: npt.NDArray[np.int64]

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return zip(self.numbers.tolist(), self.content.split(b"\n"), strict=False)

    def chosen(self, marks: Marks) -> _Lines:
        """Those that are marked."""
        return _Lines(Lines(self.content).chosen(marks), self.numbers[marks])


def read_ndjson(stream: BinaryIO, name: str, source: FilesConfig) -> Iterator[Part]:
    """Read a file's records in bounded memory; a line that is no JSON object is held back.

    Args:
        stream: the file, decompressed.
        name: what the file is called in messages and in `_source`.
        source: its declaration.
    """
    work = functools.partial(_read, name=name, source=source)
    for _, part in in_order(work, _blocks(stream, name, source)):
        yield part


def _blocks(stream: BinaryIO, name: str, source: FilesConfig) -> Iterator[tuple[_Lines, int]]:
    """Blocks of lines; and the number of the last line, where it is cut short."""
    first = 1
    for block, _, cut in blocks_of_lines(stream, name, source.encoding):
        content = block.replace(b"\r\n", b"\n") if b"\r" in block else block
        behind = first + count_lines(content)
        is_cut = cut and source.final_newline == "required"
        yield _Lines(content, np.arange(first, behind)), behind - 1 if is_cut else 0
        first = behind


def _read(block: tuple[_Lines, int], name: str, source: FilesConfig) -> Part:
    """Read a block: what can be as columns, shape by shape, and the rest line by line."""
    lines, cut = block
    is_whole = not cut and len(lines.numbers) >= _WORTHWHILE
    plain = read_lines(lines.content, source) if is_whole else None
    if plain is not None:
        numbered = plain.with_columns(pl.Series(LINE, lines.numbers, dtype=pl.Int64))
        return Part(name, numbered.height, numbered, [])
    frames, left = _read_columns(lines, cut, source)
    objects = {n: _object(line, n, n == cut) for n, line in left if line.strip(_BLANK)}
    part = take_objects(list(objects.values()), list(objects), name, source)
    if not frames:
        return part
    if not objects and len(frames) == 1:
        return Part(name, frames[0].height, frames[0], [])
    seen = part.seen + sum(frame.height for frame in frames)
    rows = pl.concat([*frames, part.rows], how="diagonal").sort(LINE)
    return Part(name, seen, rows, part.held)


def _read_columns(
    lines: _Lines, cut: int, source: FilesConfig
) -> tuple[list[pl.DataFrame], list[tuple[int, bytes]]]:
    """What can be read as columns, and the lines that are left."""
    frames: list[pl.DataFrame] = []
    unreadable = _Lines(b"", lines.numbers[:0])
    tried: list[Shape] = []
    while len(lines.numbers) >= _WORTHWHILE and len(tried) < _SHAPES:
        shape = _new_shape(lines, tried, source)
        if shape is None:
            break
        even = read_even(lines.content, shape, source)
        if even is None:
            marks = _unreadable(lines.content)
            if not marks.any():
                break
            unreadable, lines = lines.chosen(marks), lines.chosen(~marks)
            continue
        tried.append(shape)
        numbers = pl.Series(LINE, lines.numbers, dtype=pl.Int64)
        suspect = even.suspect | (numbers == cut)
        rows = even.rows.with_columns(numbers)
        if suspect.any():
            frames.append(rows.filter(~suspect))
            lines = lines.chosen(suspect.to_numpy())
        else:
            frames.append(rows)
            lines = _Lines(b"", lines.numbers[:0])
    return frames, sorted([*lines, *unreadable])


def _new_shape(lines: _Lines, tried: list[Shape], source: FilesConfig) -> Shape | None:
    """A shape that the first lines have, with the columns that the source may have."""
    for line in lines.content.split(b"\n", _ASKED)[:_ASKED]:
        shape = shape_of(line)
        if shape is None or shape in tried or not source.columns.keys() <= set(shape.names):
            continue
        if source.drift != "refuse" or len(shape.names) == len(source.columns):
            return shape
    return None


def _unreadable(content: bytes) -> Marks:
    """The lines that stand in the way of the others' being read as columns."""
    lines = Lines(content)
    marks = undecodable(lines)
    separators = np.flatnonzero(lines.codes == ord(SEPARATOR))
    marks[np.searchsorted(lines.ends, separators)] = True
    return marks


def _object(line: bytes, number: int, is_cut: bool) -> Any:
    if is_cut:
        return Held(number, [CUT_SHORT], show(line))
    try:
        value = read_json(line)
        if b"\\ud" in line.lower():
            json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return Held(number, ["half a surrogate pair, which is no character"], show(line))
    except ValueError as error:
        return Held(number, [f"not JSON: {error}"], show(line))
    return value
