"""Read a JSON file: one document with a list of records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from tasks.core.errors import SourceError
from tasks.ingest.config import FilesConfig
from tasks.ingest.json_records import take_document
from tasks.ingest.json_text import Document
from tasks.ingest.parts import Part


def read_json_file(stream: BinaryIO, name: str, source: FilesConfig) -> Iterator[Part]:
    """Read a file's records; `_line` is their position in the list.

    Args:
        stream: the file, decompressed.
        name: what the file is called in messages and in `_source`.
        source: its declaration.

    Raises:
        SourceError: the file is no JSON, or has no list where it should.
    """
    try:
        document = Document(stream.read())
        records = document.at(source.records)
    except ValueError as error:
        raise _refused(name, f"not JSON: {error}", source) from error
    if not isinstance(records, list):
        raise _refused(name, type(records).__name__, source)
    yield take_document(document, source.records, 1, name, source)


def _refused(name: str, found: str, source: FilesConfig) -> SourceError:
    return SourceError(
        f"a JSON document with a list of records at {source.records or 'its top'}",
        found=found,
        where=name,
        do="Have the file sent again, or correct the source's records; one object a line is "
        "format: ndjson.",
    )
