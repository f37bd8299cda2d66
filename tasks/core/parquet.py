"""Parquet as the store keeps it: checksummed pages, fixed row groups, the same bytes each time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core.files import make_folder

ROW_GROUP_ROWS = 131_072


class TableWriter:
    """Takes a table frame by frame and stores it in row groups of exactly ROW_GROUP_ROWS rows.

    The frames may come in any sizes: the bytes stored depend on the rows alone.

    Args:
        sink: an open file that nobody reads yet.
        schema: the table's columns; every frame must have them.
        metadata: key-value pairs for the file's own metadata.
    """

    def __init__(
        self, sink: BinaryIO, schema: pl.Schema, metadata: Mapping[str, str] | None = None
    ) -> None:
        empty = _arrow(pl.DataFrame(schema=schema)).schema
        self._schema = empty.with_metadata(dict(metadata) if metadata else None)
        self._writer = pq.ParquetWriter(
            sink, self._schema, compression="zstd", compression_level=3, write_page_checksum=True
        )
        self._pending: list[pl.DataFrame] = []
        self._waiting = 0
        self.rows = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Append rows."""
        self._pending.append(frame)
        self._waiting += frame.height
        if self._waiting < ROW_GROUP_ROWS:
            return
        whole = pl.concat(self._pending)
        ready = self._waiting - self._waiting % ROW_GROUP_ROWS
        for group in whole.head(ready).iter_slices(ROW_GROUP_ROWS):
            self._write(group)
        self._pending, self._waiting = [whole.slice(ready)], self._waiting - ready

    def finish(self) -> None:
        """Write the rows that are left."""
        if self._waiting:
            self._write(pl.concat(self._pending))

    def close(self) -> None:
        """Write the file's end."""
        self._writer.close()

    def _write(self, group: pl.DataFrame) -> None:
        self._writer.write_table(_arrow(group).cast(self._schema))
        self.rows += group.height


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
) -> int:
    """Write a frame, a lazy one in bounded memory, and make the bytes durable.

    Args:
        frame: the rows, in the order they are to be stored.
        path: a file that nobody reads yet.
        metadata: key-value pairs for the file's own metadata.

    Returns:
        The number of rows written.
    """
    with open_table(path, frame.lazy().collect_schema(), metadata) as table:
        if isinstance(frame, pl.DataFrame):
            table.add(frame)
        else:
            for batch in frame.collect_batches(chunk_size=ROW_GROUP_ROWS, maintain_order=True):
                table.add(batch)
    return table.rows


def read_metadata(path: Path) -> dict[str, str]:
    """The key-value pairs of a file's own metadata, without those of Arrow."""
    pairs = pq.read_metadata(path).metadata or {}
    return {k.decode(): v.decode() for k, v in pairs.items() if not k.startswith(b"ARROW")}


def _arrow(frame: pl.DataFrame) -> pa.Table:
    return frame.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
