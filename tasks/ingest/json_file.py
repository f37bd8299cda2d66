"""Read a JSON file: one document with a list of records."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from typing import BinaryIO, cast

from tasks.core.errors import SourceError
from tasks.ingest.config import FilesConfig
from tasks.ingest.json_records import take_document, whole
from tasks.ingest.json_stream import NoListError, stream_records
from tasks.ingest.json_text import Document
from tasks.ingest.parts import Part
from tasks.ingest.records import positions, take_objects

_BATCH_RECORDS = 50_000
_WHOLE_BYTES = 1 << 26


def read_json_file(stream: BinaryIO, name: str, source: FilesConfig) -> Iterator[Part]:
    """Read a file's records; `_line` is their position in the list.

    A document of up to 64 MiB is read as a whole, which is faster; of a larger one a few records
    at a time.

    Args:
        stream: the file, decompressed.
        name: what the file is called in messages and in `_source`.
        source: its declaration.

    Raises:
        SourceError: the file is no JSON, or has no list where it should.
    """
    start = b""
    while len(start) <= _WHOLE_BYTES and (more := stream.read(_WHOLE_BYTES + 1 - len(start))):
        start += more
    if len(start) <= _WHOLE_BYTES:
        yield from _read_whole(start, name, source)
    else:
        yield from _read_parts(cast(BinaryIO, _Behind(start, stream)), name, source)


def _read_whole(content: bytes, name: str, source: FilesConfig) -> Iterator[Part]:
    try:
        document = Document(content)
        records = document.at(source.records)
    except ValueError as error:
        raise _refused(name, f"not JSON: {error}", source) from error
    if not isinstance(records, list):
        raise _refused(name, type(records).__name__, source)
    yield take_document(document, source.records, 1, name, source)


def _read_parts(stream: BinaryIO, name: str, source: FilesConfig) -> Iterator[Part]:
    records, first = stream_records(stream, source.records), 1
    while True:
        try:
            batch = list(itertools.islice(records, _BATCH_RECORDS))
        except NoListError as error:
            raise _refused(name, str(error), source) from error
        except ValueError as error:
            raise _refused(name, f"not JSON: {error}", source) from error
        if not batch:
            return
        lines = positions(first, len(batch))
        good = [whole(record, line) for record, line in zip(batch, lines, strict=True)]
        yield take_objects(good, lines, name, source)
        first += len(batch)


class _Behind(io.RawIOBase):
    """A stream with something in front of it that was read before."""

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        self._start, self._rest = start, rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._start:
            return self._rest.read(size)
        given, self._start = self._start[:size], self._start[size:]
        return given


def _refused(name: str, found: str, source: FilesConfig) -> SourceError:
    return SourceError(
        f"a JSON document with a list of records at {source.records or 'its top'}",
        found=found,
        where=name,
        do="Have the file sent again, or correct the source's records; one object a line is "
        "format: ndjson.",
    )
