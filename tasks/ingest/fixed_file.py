"""Read a file of fixed width: each column has its characters in each line."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import BinaryIO

import polars as pl

from tasks.ingest import text
from tasks.ingest.body import Body
from tasks.ingest.config import FilesConfig
from tasks.ingest.decoding import blocks_of_lines
from tasks.ingest.delimited import CUT_SHORT, show
from tasks.ingest.odd_records import BAD_BYTES, NUL
from tasks.ingest.parts import LINE, Held, Part


def read_fixed(stream: BinaryIO, name: str, source: FilesConfig) -> Iterator[Part]:
    """Read a file's records in bounded memory; blanks around a value are padding.

    Args:
        stream: the file, decompressed.
        name: what the file is called in messages and in `_source`.
        source: its declaration.
    """
    first, width = 1 + source.skip_lines, sum(source.widths)
    header_lines, seen = source.skip_lines + source.header, 0
    body = Body(blocks_of_lines(stream, name, source.encoding), name, source)
    for block, _, cut in body:
        raw = block.split(b"\n")[:-1]
        faults: dict[int, str] = {}
        lines: dict[int, str] = {}
        for line, content in enumerate(raw, first):
            if line <= header_lines or not content.strip(b"\r"):
                continue
            is_cut = cut and line == first + len(raw) - 1 and source.final_newline == "required"
            fault = CUT_SHORT if is_cut else _fault(content, width)
            if fault:
                faults[line] = fault
            else:
                lines[line] = show(content)
        yield _typed(lines, {n: (f, show(raw[n - first])) for n, f in faults.items()}, name, source)
        first += len(raw)
        seen += len(lines) + len(faults)
    body.check(seen)


def _fault(content: bytes, width: int) -> str | None:
    try:
        found = len(content.removesuffix(b"\r").decode())
    except UnicodeDecodeError:
        return BAD_BYTES
    if b"\0" in content:
        return NUL
    return None if found == width else f"{found} characters, {width} are declared"


def _typed(
    lines: dict[int, str], faults: dict[int, tuple[str, str]], name: str, source: FilesConfig
) -> Part:
    starts = itertools.accumulate(source.widths, initial=0)
    whole = pl.col("text")
    texts = pl.DataFrame(
        {"text": list(lines.values()), LINE: list(lines)},
        schema={"text": pl.String, LINE: pl.Int64},
    ).select(
        *(
            whole.str.slice(start, length).str.strip_chars(" ").alias(column)
            for column, start, length in zip(source.columns, starts, source.widths, strict=False)
        ),
        LINE,
    )
    typed = text.read(texts, source.columns, source.nulls, source.empty_text == "keep")
    held = [Held(line, [fault], raw) for line, (fault, raw) in faults.items()]
    rows = typed.rows
    if typed.failed is not None:
        failing = rows.filter(typed.failed)[LINE].to_list()
        held += [
            Held(line, reasons, lines[line])
            for line, reasons in zip(failing, typed.reasons, strict=True)
        ]
        rows = rows.filter(~typed.failed)
    held.sort(key=lambda one: one.line)
    return Part(name, len(lines) + len(faults), rows, held)
