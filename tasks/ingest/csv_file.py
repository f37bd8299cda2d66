"""Read a delimited file: bytes to lines, lines to fields, fields to typed rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import polars as pl

from tasks.core.errors import SourceError
from tasks.ingest import text
from tasks.ingest.body import Body
from tasks.ingest.config import FilesConfig
from tasks.ingest.decoding import blocks_of_lines
from tasks.ingest.delimited import Split, read_header, show, split
from tasks.ingest.evolving import new_names
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
    names = [] if source.header else list(source.columns)
    line, unread, seen = 1 + source.skip_lines, b"", 0
    body = Body(blocks_of_lines(stream, name, source.encoding), name, source)
    for block, last, cut in body:
        block = unread + block
        is_cut = cut and source.final_newline == "required"
        if not names:
            names, lines = _header(block, name, source, dialect)
            line += lines
            block = block.split(b"\n", lines)[lines]
            if is_cut and not block:
                raise _cut_header(name)
        done = split(block, names, dialect, line, last, is_cut)
        yield _typed(done, block, line, name, source)
        seen += done.seen
        unread = done.unread
        line += block.count(b"\n") - unread.count(b"\n")
    body.check(seen)


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
