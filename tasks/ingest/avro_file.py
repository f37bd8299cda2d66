"""Read Avro container files block by block, each held to be exactly the records it declares.

Readers of whole files take a block's declared count on trust and pass over what is left of it; then
one flipped bit leaves rows out.
"""

from __future__ import annotations

import bz2
import datetime as dt
import io
import itertools
import json
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import fastavro
import pyarrow as pa

from tasks.core.errors import SchemaDriftError, SourceError
from tasks.ingest.compression import check_size
from tasks.ingest.config import FilesConfig
from tasks.ingest.evolving import new_names
from tasks.ingest.parts import Part, check_columns
from tasks.ingest.records import positions, take_columns

_MAGIC = b"Obj\x01"
_SYNC_BYTES = 16
_MAX_BLOCK_BYTES = 1 << 28
_MAX_HEADER_BYTES = 1 << 24
_BATCH_RECORDS = 20_000
_VARINT_BITS = 64
_META = fastavro.parse_schema({"type": "map", "values": "bytes"})


def read_avro(path: Path, name: str, source: FilesConfig) -> Iterator[Part]:
    """Read a file's records in bounded memory; `_line` is their position in it.

    A timestamp is UTC: that is what a column without a time zone has.

    Args:
        path: the file.
        name: what it is called in messages and in `_source`.
        source: its declaration.

    Raises:
        SchemaDriftError: its fields are not the declared columns.
        SourceError: it is damaged, or larger than allowed.
    """
    with path.open("rb") as stream:
        try:
            schema, codec, sync = _header(stream)
            names = [field["name"] for field in schema["fields"]]
        except Exception as error:  # what a damaged schema raises, nobody lists
            raise _damaged(name, error) from error
        check_columns(names, source, name)
        wanted = [*source.columns, *new_names(names, source)]
        records, first = _records(stream, schema, codec, sync, name, source), 1
        while batch := list(itertools.islice(records, _BATCH_RECORDS)):
            columns = {c: [_local(record[c], c, source) for record in batch] for c in wanted}
            yield take_columns(columns, positions(first, len(batch)), name, source)
            first += len(batch)


def _damaged(name: str, error: Exception) -> SourceError:
    return SourceError(
        "a whole Avro file",
        found=f"{type(error).__name__}: {error}".splitlines()[0][:200],
        where=name,
        do="Have the file sent again: it was cut short or damaged.",
    )


def _header(stream: BinaryIO) -> tuple[Any, str, bytes]:
    """The schema, the codec and the mark between blocks."""
    if stream.read(len(_MAGIC)) != _MAGIC:
        raise ValueError("no Avro container")
    head = io.BytesIO(stream.read(_MAX_HEADER_BYTES))
    meta: Any = fastavro.schemaless_reader(head, _META, None)
    sync = head.read(_SYNC_BYTES)
    stream.seek(len(_MAGIC) + head.tell())
    if len(sync) < _SYNC_BYTES:
        raise EOFError("the end of the file in its header")
    schema: Any = fastavro.parse_schema(json.loads(meta["avro.schema"]))
    if schema["type"] != "record":
        raise ValueError(f"{schema['type']} in place of records")
    codec = meta.get("avro.codec", b"null").decode()
    if codec not in _CODECS:
        raise ValueError(f"the codec {codec!r}")
    return schema, codec, sync


def _records(
    stream: BinaryIO, schema: Any, codec: str, sync: bytes, name: str, source: FilesConfig
) -> Iterator[Any]:
    size = 0
    try:
        while (count := _varint(stream)) is not None:
            length = _varint(stream)
            if length is None or not 0 <= length <= _MAX_BLOCK_BYTES:
                raise ValueError(f"a block of {length} bytes")
            content = stream.read(length)
            if len(content) < length or stream.read(_SYNC_BYTES) != sync:
                raise ValueError("a block that does not end where it should")
            block = _CODECS[codec](content)
            size += len(block)
            check_size(size, name, source.max_file_bytes)
            yield from _decoded(block, count, schema)
    except (SourceError, SchemaDriftError, GeneratorExit):
        raise
    except Exception as error:  # nor what a damaged block raises
        raise _damaged(name, error) from error


def _decoded(block: bytes, count: int, schema: Any) -> Iterator[Any]:
    if not 0 <= count <= len(block):
        raise ValueError(f"{count} records in {len(block)} bytes")
    reader = io.BytesIO(block)
    for _ in range(count):
        yield fastavro.schemaless_reader(reader, schema, None)
    if reader.tell() != len(block):
        raise ValueError(f"{len(block) - reader.tell()} bytes behind the records of a block")


def _varint(stream: BinaryIO) -> int | None:
    """A whole number in zigzag; None at the end of the file."""
    number, shift = 0, 0
    while shift < _VARINT_BITS:
        byte = stream.read(1)
        if not byte:
            if shift:
                raise EOFError("the end of the file in a number")
            return None
        number |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            return (number >> 1) ^ -(number & 1)
    raise ValueError("a number of more than 64 bits")


def _limited(content: bytes, decompressor: Any) -> bytes:
    block: bytes = decompressor.decompress(content, _MAX_BLOCK_BYTES)
    if not decompressor.eof or decompressor.unused_data:
        raise ValueError("a compressed block that is cut, too large, or has more behind it")
    return block


def _snappy(content: bytes) -> bytes:
    body, checksum = content[:-4], content[-4:]
    size = 0
    for place, byte in enumerate(body[:5]):
        size |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            break
    if size > _MAX_BLOCK_BYTES:
        raise ValueError(f"a block of {size} bytes")
    block: bytes = pa.decompress(body, decompressed_size=size, codec="snappy", asbytes=True)
    if zlib.crc32(block).to_bytes(4, "big") != checksum:
        raise ValueError("a block of another checksum")
    return block


def _zstandard(content: bytes) -> bytes:
    with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
        block: bytes = stream.read(_MAX_BLOCK_BYTES)
        if stream.read(1):
            raise ValueError("a block that is too large")
    return block


_CODECS: dict[str, Callable[[bytes], bytes]] = {
    "null": lambda content: content,
    "deflate": lambda content: _limited(content, zlib.decompressobj(-zlib.MAX_WBITS)),
    "bzip2": lambda content: _limited(content, bz2.BZ2Decompressor()),
    "xz": lambda content: _limited(content, lzma.LZMADecompressor()),
    "snappy": _snappy,
    "zstandard": _zstandard,
}


def _local(value: Any, column: str, source: FilesConfig) -> Any:
    """A timestamp as the column has it: in its time zone, or in UTC without saying so."""
    if not isinstance(value, dt.datetime) or value.tzinfo is None:
        return value
    declared = source.columns.get(column)
    return value if declared and declared.timezone else value.replace(tzinfo=None)
