"""Read newline-delimited JSON: one object a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from tasks.ingest.config import FilesConfig
from tasks.ingest.decoding import blocks_of_lines
from tasks.ingest.delimited import CUT_SHORT, show
from tasks.ingest.json_text import read_json
from tasks.ingest.parts import Held, Part
from tasks.ingest.records import take_objects


def read_ndjson(stream: BinaryIO, name: str, source: FilesConfig) -> Iterator[Part]:
    """Read a file's records in bounded memory; a line that is no JSON object is held back.

    Args:
        stream: the file, decompressed.
        name: what the file is called in messages and in `_source`.
        source: its declaration.
    """
    line = 1
    for block, _, cut in blocks_of_lines(stream, name, source.encoding):
        raw = block.split(b"\n")[:-1]
        numbered = [(n, text) for n, text in enumerate(raw, line) if text.strip()]
        cut_line = line + len(raw) - 1 if cut and source.final_newline == "required" else 0
        objects = [
            Held(n, [CUT_SHORT], show(text)) if n == cut_line else _object(text, n)
            for n, text in numbered
        ]
        yield take_objects(objects, [n for n, _ in numbered], name, source)
        line += len(raw)


def _object(text: bytes, line: int) -> Any:
    try:
        return read_json(text)
    except ValueError as error:
        return Held(line, [f"not JSON: {error}"], show(text))
