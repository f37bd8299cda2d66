"""Read Parquet files batch by batch, each held to be sound before it is used.

Polars reads files of plain columns, several times as fast as Arrow, once the checksums of their
pages are proved; Arrow, which proves them itself, reads the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.ingest.compression import check_size
from tasks.ingest.config import FilesConfig
from tasks.ingest.evolving import new_names
from tasks.ingest.parquet_pages import check_pages
from tasks.ingest.parts import check_columns

_BATCH_ROWS = 131_072
_LARGE_GROUP_BYTES = 128 * 2**20  # which Polars would hold whole, a few at a time
_ENCODINGS = {"PLAIN", "RLE", "RLE_DICTIONARY", "PLAIN_DICTIONARY", "DELTA_BINARY_PACKED"}
_IS_PLAIN = (
    pa.types.is_integer,
    pa.types.is_float32,
    pa.types.is_float64,
    pa.types.is_boolean,
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_date32,
    pa.types.is_timestamp,
)


def parquet_frames(path: Path, name: str, source: FilesConfig) -> Iterator[pl.DataFrame]:
    """The rows of a file, in order.

    Args:
        path: the file.
        name: what it is called in messages.
        source: its declaration.

    Raises:
        SchemaDriftError: it does not have the declared columns.
        SourceError: it is larger than allowed.
        pa.ArrowException, pl.exceptions.PolarsError: it is damaged.
    """
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        check_size(_declared_size(file.metadata), name, source.max_file_bytes)
        check_columns(file.schema_arrow.names, source, name)
        wanted = [*source.columns, *new_names(file.schema_arrow.names, source)]
        read = 0
        for frame in _frames(path, file, wanted):
            read += frame.height
            yield frame
        if read != file.metadata.num_rows:
            raise pa.ArrowInvalid(f"{read} rows, where the footer declares more or fewer")


def _frames(path: Path, file: pq.ParquetFile, wanted: list[str]) -> Iterator[pl.DataFrame]:
    if not _is_plain(file, wanted):
        for batch in file.iter_batches(_BATCH_ROWS, columns=wanted):
            batch.validate(full=True)
            yield pl.DataFrame(pa.Table.from_batches([batch]))
        return
    check_pages(path, file.metadata)
    rows = pl.scan_parquet(path, glob=False, hive_partitioning=False).select(wanted)
    yield from rows.collect_batches(chunk_size=_BATCH_ROWS, maintain_order=True)


def _is_plain(file: pq.ParquetFile, wanted: list[str]) -> bool:
    """Whether Polars reads the file as Arrow does, in bounded memory."""
    fields = (file.schema_arrow.field(column).type for column in wanted)
    if not all(any(is_plain(field) for is_plain in _IS_PLAIN) for field in fields):
        return False
    groups = list(map(file.metadata.row_group, range(file.metadata.num_row_groups)))
    chunks = (group.column(place) for group in groups for place in range(group.num_columns))
    small = all(group.total_byte_size <= _LARGE_GROUP_BYTES for group in groups)
    return small and all(_ENCODINGS.issuperset(chunk.encodings) for chunk in chunks)


def _declared_size(footer: pq.FileMetaData) -> int:
    """Bytes a file holds, decompressed, by a footer whose counts agree with each other.

    Raises:
        pa.ArrowInvalid: they do not.
    """
    size = rows = 0
    for group in map(footer.row_group, range(footer.num_row_groups)):
        size += group.total_byte_size
        rows += group.num_rows
        for place in range(group.num_columns):
            # Of a column that repeats nothing, each row is one value, missing or not.
            is_flat = footer.schema.column(place).max_repetition_level == 0
            if is_flat and group.column(place).num_values != group.num_rows:
                raise pa.ArrowInvalid("a column of another number of values than its row group")
    if rows != footer.num_rows:
        raise pa.ArrowInvalid(f"row groups of {rows} rows, where {footer.num_rows} are declared")
    return size
