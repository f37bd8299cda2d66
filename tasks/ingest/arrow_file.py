"""Read Arrow's own files and streams batch by batch, each held to be sound before it is used.

A damaged footer could list too few batches, and a stream that is cut between two could end early:
neither is taken on trust.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from tasks.ingest.compression import check_size
from tasks.ingest.config import FilesConfig
from tasks.ingest.evolving import new_names
from tasks.ingest.parts import check_columns

_MAGIC = b"ARROW1"
_TAIL_BYTES = 1 << 26
_MAX_SECONDS = 10**12  # some 30,000 years
_MAX_PADDING = 64
_BATCHES_FIELD = 3
_ENDS = (b"\xff\xff\xff\xff\0\0\0\0", b"\0\0\0\0")


def arrow_frames(path: Path, name: str, source: FilesConfig) -> Iterator[pl.DataFrame]:
    """The batches of a file.

    Args:
        path: the file.
        name: what it is called in messages.
        source: its declaration.

    Raises:
        SchemaDriftError: it does not have the declared columns.
        SourceError: it is larger than allowed.
        pa.ArrowException: it is damaged.
    """
    with path.open("rb") as start:
        is_file = start.read(len(_MAGIC)) == _MAGIC
    (_check_footer if is_file else _check_end)(path)
    opener = pa.ipc.open_file if is_file else pa.ipc.open_stream
    with pa.OSFile(str(path)) as raw, opener(raw) as reader:
        check_columns(reader.schema.names, source, name)
        wanted = [*source.columns, *new_names(reader.schema.names, source)]
        size = 0
        for batch in map(reader.get_batch, range(reader.num_record_batches)) if is_file else reader:
            size += batch.nbytes
            check_size(size, name, source.max_file_bytes)
            batch.validate(full=True)
            yield pl.DataFrame(pa.table({name: _bounded(batch[name]) for name in wanted}))
        if not is_file and raw.tell() != path.stat().st_size:
            raise pa.ArrowInvalid("bytes behind the end of the stream")


def _bounded(values: pa.Array) -> pa.Array:
    """Seconds at most some years beyond those that are taken: counted finer, others would wrap."""
    if pa.types.is_timestamp(values.type) and values.type.unit == "s":
        low, high = (pa.scalar(second, values.type) for second in (-_MAX_SECONDS, _MAX_SECONDS))
        return pc.max_element_wise(
            pc.min_element_wise(values, high, skip_nulls=False), low, skip_nulls=False
        )
    return values


def _check_footer(path: Path) -> None:
    """Hold that the batches a footer lists follow each other, up to the footer.

    The footer is a flatbuffer (Arrow's File.fbs): its fourth field is a vector of blocks, each an
    offset, the length of its metadata, padding, and the length of its body.
    """
    content = path.read_bytes() if path.stat().st_size < _TAIL_BYTES else _tail(path)
    behind = len(content) - len(_MAGIC) - 4
    if not content.endswith(_MAGIC) or behind < 0:
        raise pa.ArrowInvalid("a file without its end")
    start = behind - struct.unpack_from("<i", content, behind)[0]
    if not 0 <= start < behind:
        raise pa.ArrowInvalid("a footer that is longer than its file")
    try:
        blocks = list(_blocks(content, start))
    except struct.error as error:
        raise pa.ArrowInvalid("a footer that is none") from error
    before = path.stat().st_size - len(content)
    ends = [offset + meta + body for offset, meta, body in blocks]
    begins = [*(offset for offset, _, _ in blocks[1:]), start + before - len(_ENDS[0])]
    for end, begin in zip(ends, begins, strict=False):
        if not 0 <= begin - end <= _MAX_PADDING:
            raise pa.ArrowInvalid("a footer that leaves batches out, or lists some that are none")


def _tail(path: Path) -> bytes:
    with path.open("rb") as raw:
        raw.seek(-_TAIL_BYTES, io.SEEK_END)
        return raw.read()


def _blocks(content: bytes, root: int) -> Iterator[tuple[int, int, int]]:
    table = root + struct.unpack_from("<I", content, root)[0]
    fields = table - struct.unpack_from("<i", content, table)[0]
    place = struct.unpack_from("<H", content, fields + 4 + 2 * _BATCHES_FIELD)[0]
    if not place:
        return
    vector = table + place + struct.unpack_from("<I", content, table + place)[0]
    for index in range(struct.unpack_from("<I", content, vector)[0]):
        yield struct.unpack_from("<qi4xq", content, vector + 4 + 24 * index)


def _check_end(path: Path) -> None:
    """Hold that a stream says where it ends: without that, any batch may be its last."""
    with path.open("rb") as raw:
        raw.seek(max(0, path.stat().st_size - max(map(len, _ENDS))))
        if not raw.read().endswith(_ENDS):
            raise pa.ArrowInvalid("a stream without its end: it may be cut short")
