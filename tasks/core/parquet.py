"""Parquet as the store keeps it: checksummed pages, fixed row groups, the same bytes each time."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core import footer
from tasks.core.files import make_folder
from tasks.core.quarantine import LINE

ROW_GROUP_ROWS = 131_072
_ROW_GROUP_CELLS = 2**24
_STEPPED = (pl.Int32, pl.Int64, pl.UInt32, pl.UInt64, pl.Date, pl.Datetime)
_COMPRESSION: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 3,
    "write_page_checksum": True,
}


class TableWriter:
    """Takes a table frame by frame and stores it in row groups of a fixed number of rows.

    The frames may come in any sizes: the bytes stored depend on the rows alone. Row groups are
    encoded on all cores, a few at a time, and written in order.

    Args:
        sink: an open file that nobody reads yet.
        schema: the table's columns; every frame must have them.
        metadata: key-value pairs for the file's own metadata.
    """

    def __init__(
        self, sink: BinaryIO, schema: pl.Schema, metadata: Mapping[str, str] | None = None
    ) -> None:
        none = pl.DataFrame(schema=schema)
        # Readers are told of plain texts: not all of them know views.
        told = none.to_arrow(compat_level=pl.CompatLevel.oldest()).schema
        self._empty = _file(told.with_metadata(dict(metadata) if metadata else None))
        self._schema = _arrow(none).schema
        self._group_rows = group_rows(len(schema))
        self._sink, self._digest, self._position = sink, hashlib.sha256(), 0
        self._pool = ThreadPoolExecutor(pl.thread_pool_size(), thread_name_prefix="encode")
        self._encoding: deque[Future[bytes]] = deque()
        self._groups: list[bytes] = []
        self._pending: list[pl.DataFrame] = []
        self._waiting = 0
        self.rows = 0
        self._write(footer.MAGIC)

    @property
    def sha256(self) -> str:
        """Digest of the bytes written so far, hexadecimal."""
        return self._digest.hexdigest()

    def add(self, frame: pl.DataFrame) -> None:
        """Append rows."""
        self._pending.append(frame)
        self._waiting += frame.height
        if self._waiting < self._group_rows:
            return
        whole = pl.concat(self._pending)
        ready = self._waiting - self._waiting % self._group_rows
        for group in whole.head(ready).iter_slices(self._group_rows):
            self._encode(group)
        self._pending, self._waiting = [whole.slice(ready)], self._waiting - ready

    def finish(self) -> None:
        """Write the rows that are left, and the file's end."""
        if self._waiting:
            self._encode(pl.concat(self._pending))
        while self._encoding:
            self._take()
        empty = footer.body_and_footer(self._empty)[1]
        self._write(footer.whole_file_end(empty, self._groups, self.rows))

    def close(self) -> None:
        """Let go of the threads."""
        self._pool.shutdown(cancel_futures=True)

    def _encode(self, group: pl.DataFrame) -> None:
        self.rows += group.height
        self._encoding.append(self._pool.submit(_row_group, group, self._schema))
        if len(self._encoding) > pl.thread_pool_size():
            self._take()

    def _take(self) -> None:
        """Write the row group that is next."""
        body, end = footer.body_and_footer(self._encoding.popleft().result())
        by = self._position - len(footer.MAGIC)
        self._groups.append(footer.moved_row_group(end, by, len(self._groups)))
        self._write(body)

    def _write(self, content: bytes) -> None:
        self._sink.write(content)
        self._digest.update(content)
        self._position += len(content)


def group_rows(columns: int) -> int:
    """Rows of a row group: fewer where there are so many columns that they would not fit memory."""
    fitting: int = 2 ** ((_ROW_GROUP_CELLS // max(columns, 1)).bit_length() - 1)
    return max(1, min(ROW_GROUP_ROWS, fitting))


def _row_group(group: pl.DataFrame, schema: pa.Schema) -> bytes:
    return _file(schema, _arrow(group).cast(schema), _growing(group))


def _file(schema: pa.Schema, table: pa.Table | None = None, growing: Sequence[str] = ()) -> bytes:
    """A Parquet file of one row group, or none."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, **_COMPRESSION, **_encodings(schema, growing)) as writer:
        if table is not None:
            writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _growing(group: pl.DataFrame) -> list[str]:
    """The columns whose steps are stored: positions in a source, and numbers that never fall."""
    return [
        column.name
        for column in group
        if column.name == LINE
        or (column.dtype in _STEPPED and not column.null_count() and column.is_sorted())
    ]


def _encodings(schema: pa.Schema, growing: Sequence[str]) -> dict[str, Any]:
    """Dictionaries, but for columns that grow: theirs would hold each of their values."""
    if not growing:
        return {"use_dictionary": True}
    others = [name for name in schema.names if name not in growing]
    return {
        "use_dictionary": others,
        "column_encoding": dict.fromkeys(growing, "DELTA_BINARY_PACKED"),
    }


@contextlib.contextmanager
def open_table(
    path: Path, schema: pl.Schema, metadata: Mapping[str, str] | None = None
) -> Iterator[TableWriter]:
    """Write a table frame by frame while the block runs, and make the bytes durable at its end.

    Args:
        path: a file that nobody reads yet; nor should anybody read what an error leaves of it.
        schema: the table's columns.
        metadata: key-value pairs for the file's own metadata.
    """
    make_folder(path.parent)
    with path.open("wb") as sink:
        writer = TableWriter(sink, schema, metadata)
        try:
            yield writer
            writer.finish()
        finally:
            writer.close()
        sink.flush()
        os.fsync(sink.fileno())


def write(
    frame: pl.LazyFrame | pl.DataFrame, path: Path, metadata: Mapping[str, str] | None = None
) -> TableWriter:
    """Write a frame, a lazy one in bounded memory, and make the bytes durable.

    Args:
        frame: the rows, in the order they are to be stored.
        path: a file that nobody reads yet.
        metadata: key-value pairs for the file's own metadata.

    Returns:
        The writer, which knows the number of rows and the digest of what it wrote.
    """
    with open_table(path, frame.lazy().collect_schema(), metadata) as table:
        if isinstance(frame, pl.DataFrame):
            table.add(frame)
        else:
            for batch in frame.collect_batches(chunk_size=ROW_GROUP_ROWS, maintain_order=True):
                table.add(batch)
    return table


def read_metadata(path: Path) -> dict[str, str]:
    """The key-value pairs of a file's own metadata, without those of Arrow."""
    pairs = pq.read_metadata(path).metadata or {}
    return {k.decode(): v.decode() for k, v in pairs.items() if not k.startswith(b"ARROW")}


def _arrow(frame: pl.DataFrame) -> pa.Table:
    """A frame as Arrow has it; texts as views, which copies nothing, where Parquet takes them."""
    plain = not any(
        dtype.is_nested() or isinstance(dtype, (pl.Categorical, pl.Enum)) for dtype in frame.dtypes
    )
    level = pl.CompatLevel.newest() if plain else pl.CompatLevel.oldest()
    return frame.rechunk().to_arrow(compat_level=level)
