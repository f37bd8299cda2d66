"""Read a delimited file: bytes to lines, lines to fields, fields to typed rows.

Blocks of lines are read at once, each as if a record began with it. Where one does not, because a
quoted text goes on from the block before, it is read again, behind the lines that the other left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import polars as pl

from tasks.core.errors import SourceError
from tasks.ingest import text
from tasks.ingest.body import Body
from tasks.ingest.config import FilesConfig
from tasks.ingest.decoding import blocks_of_lines
from tasks.ingest.delimited import Split, read_header, show, split
from tasks.ingest.evolving import new_names
from tasks.ingest.in_order import in_order
from tasks.ingest.lines import count_lines
from tasks.ingest.odd_records import Dialect
from tasks.ingest.parts import LINE, Held, Part, check_columns


def read_csv(
    stream: BinaryIO, name: str, source: FilesConfig, delimiter: str = ","
) -> Iterator[Part]:
    """Read a file's records in bounded memory.

    Args:
        stream: the file, decompressed.
        name: what the file is called in messages and in `_source`.
        source: its declaration.
        delimiter: what stands between fields where the source does not say.

    Raises:
        SchemaDriftError: the header does not have the declared columns.
        SourceError: the file is not text, or has no header.
    """
    dialect = Dialect(source.delimiter or delimiter, source.quote, source.comment, source.escape)
    body = Body(blocks_of_lines(stream, name, source.encoding), name, source)
    reading = _Reading(name, source, dialect)
    unread, seen = b"", 0
    for block, (part, behind) in in_order(reading.read, reading.blocks(body)):
        if unread:  # the block was read as if it began with a record, and it does not
            part, behind = reading.read(block.joined_to(unread))
        yield part
        seen += part.seen
        unread = behind
    body.check(seen)


@dataclass(frozen=True, slots=True)
class _Block:
    """Some lines of a file.

    Args:
        content: the lines, each with its newline.
        first_line: number of the first.
        last: whether nothing follows them.
        is_cut: whether the last record is held to be cut short.
    """

    content: bytes
    first_line: int
    last: bool
    is_cut: bool

    def joined_to(self, before: bytes) -> _Block:
        """The block with lines that stand before it."""
        first = self.first_line - before.count(b"\n")
        return _Block(before + self.content, first, self.last, self.is_cut)


@dataclass(slots=True)
class _Reading:
    """How a file's blocks are read, each on its own.

    Args:
        name: what the file is called.
        source: its declaration.
        dialect: how its records are written.
        names: of its fields, known from its first block on.
    """

    name: str
    source: FilesConfig
    dialect: Dialect
    names: list[str] = field(default_factory=list)

    def blocks(self, body: Body) -> Iterator[_Block]:
        """The blocks of records, with the numbers of their lines."""
        self.names = [] if self.source.header else list(self.source.columns)
        line = 1 + self.source.skip_lines
        for block, last, cut in body:
            is_cut = cut and self.source.final_newline == "required"
            if not self.names:
                self.names, lines = _header(block, self.name, self.source, self.dialect)
                block = block.split(b"\n", lines)[lines]
                line += lines
                if is_cut and not block:
                    raise _cut_header(self.name)
            yield _Block(block, line, last, is_cut)
            line += count_lines(block)

    def read(self, block: _Block) -> tuple[Part, bytes]:
        """Its records, and the bytes at its end that begin one that it does not finish."""
        content, line = block.content, block.first_line
        done = split(content, self.names, self.dialect, line, block.last, block.is_cut)
        return _typed(done, content, line, self.name, self.source), done.unread


def _header(
    block: bytes, name: str, source: FilesConfig, dialect: Dialect
) -> tuple[list[str], int]:
    try:
        names, lines = read_header(block, dialect)
    except ValueError as error:
        raise _no_header(name, str(error)) from error
    check_columns(names, source, name)
    # Columns that are left out must not take the name of one that is not.
    kept = {*source.columns, *new_names(names, source)}
    return [n if n in kept else f"_left_out_{i}" for i, n in enumerate(names)], lines


def _no_header(name: str, found: str) -> SourceError:
    return SourceError(
        "a first line with the columns' names",
        found=found,
        where=name,
        do="Ask who sends the file; if it never has a header, set header: false.",
    )


def _cut_header(name: str) -> SourceError:
    return SourceError(
        "records behind the columns' names, or a newline",
        found="a file that ends within its first line, and may be cut short there",
        where=name,
        do="Have the file sent again; if it is whole, set final_newline: optional.",
    )


def _typed(done: Split, block: bytes, first_line: int, name: str, source: FilesConfig) -> Part:
    new = new_names(done.fields.columns, source)
    fields = done.fields.with_columns(text.without_nulls(name, source.nulls) for name in new)
    typed = text.read(fields, source.columns, source.nulls, keep_empty=source.empty_text == "keep")
    if typed.failed is None:
        return Part(name, done.seen, typed.rows, done.held)
    lines = block.split(b"\n")
    failing = done.fields.filter(typed.failed)[LINE].to_list()
    held = [
        Held(line, reasons, done.raw.get(line) or show(lines[line - first_line]))
        for line, reasons in zip(failing, typed.reasons, strict=True)
    ]
    both = sorted([*done.held, *held], key=lambda one: one.line)
    return Part(name, done.seen, typed.rows.filter(~pl.Series(typed.failed)), both)
