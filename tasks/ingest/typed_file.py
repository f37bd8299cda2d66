"""Read Parquet and Arrow files: typed already, in the declared types or ones that fit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core.errors import SourceError
from tasks.ingest.arrow_file import arrow_frames
from tasks.ingest.compression import check_size
from tasks.ingest.config import FilesConfig
from tasks.ingest.evolving import new_names
from tasks.ingest.parts import Part, check_columns
from tasks.ingest.typed_frames import take_frame

_BATCH_ROWS = 131_072


def read_typed(path: Path, name: str, source: FilesConfig, kind: str) -> Iterator[Part]:
    """Read a file's rows, a Parquet file's in bounded memory and with its pages' checksums.

    A value that does not fit its declared type, a number too large for it for example, holds its
    row back; a column of another kind altogether stops the run.

    Args:
        path: the file.
        name: what it is called in messages and in `_source`.
        source: its declaration.
        kind: parquet or arrow.

    Raises:
        SchemaDriftError: columns or their kinds are not those declared.
        SourceError: the file is damaged, or larger than allowed.
    """
    line = 1
    try:
        for frame in _FRAMES[kind](path, name, source):
            yield take_frame(frame, line, name, source)
            line += frame.height
    except (pa.ArrowException, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _damaged(kind, name, error) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged(kind, name, error) from error


def _damaged(kind: str, name: str, error: Exception) -> SourceError:
    return SourceError(
        f"a whole {kind} file",
        found=str(error).splitlines()[0],
        where=name,
        do="Have the file sent again: it was cut short or damaged.",
    )


def _parquet(path: Path, name: str, source: FilesConfig) -> Iterator[pl.DataFrame]:
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        check_size(_declared_size(file.metadata), name, source.max_file_bytes)
        check_columns(file.schema_arrow.names, source, name)
        new = new_names(file.schema_arrow.names, source)
        read = 0
        for batch in file.iter_batches(_BATCH_ROWS, columns=[*source.columns, *new]):
            batch.validate(full=True)
            read += batch.num_rows
            yield pl.DataFrame(pa.Table.from_batches([batch]))
        if read != file.metadata.num_rows:
            raise pa.ArrowInvalid(f"{read} rows, where the footer declares more or fewer")


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


_FRAMES = {"parquet": _parquet, "arrow": arrow_frames}
