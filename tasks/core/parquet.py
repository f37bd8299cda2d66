"""Parquet as the store keeps it: checksummed pages, fixed row groups, the same bytes each time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core.files import make_folder

ROW_GROUP_ROWS = 131_072


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
    make_folder(path.parent)
    empty = frame.lazy().collect_schema().to_frame()
    schema = _arrow(empty).schema.with_metadata(dict(metadata) if metadata else None)
    rows = 0
    with path.open("wb") as sink:
        with pq.ParquetWriter(
            sink, schema, compression="zstd", compression_level=3, write_page_checksum=True
        ) as writer:
            for group in _row_groups(frame):
                writer.write_table(_arrow(group).cast(schema))
                rows += group.height
        sink.flush()
        os.fsync(sink.fileno())
    return rows


def read_metadata(path: Path) -> dict[str, str]:
    """The key-value pairs of a file's own metadata, without those of Arrow."""
    pairs = pq.read_metadata(path).metadata or {}
    return {k.decode(): v.decode() for k, v in pairs.items() if not k.startswith(b"ARROW")}


def _row_groups(frame: pl.LazyFrame | pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Frames of exactly ROW_GROUP_ROWS rows; the last may be shorter, an empty frame has none.

    The engine's own batches depend on its threads; row groups must not.
    """
    if isinstance(frame, pl.DataFrame):
        yield from frame.iter_slices(ROW_GROUP_ROWS)
        return
    pending: list[pl.DataFrame] = []
    waiting = 0
    for batch in frame.collect_batches(chunk_size=ROW_GROUP_ROWS, maintain_order=True):
        pending.append(batch)
        waiting += batch.height
        while waiting >= ROW_GROUP_ROWS:
            whole = pl.concat(pending)
            yield whole.head(ROW_GROUP_ROWS)
            pending = [whole.slice(ROW_GROUP_ROWS)]
            waiting -= ROW_GROUP_ROWS
    if waiting:
        yield pl.concat(pending)


def _arrow(frame: pl.DataFrame) -> pa.Table:
    return frame.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
