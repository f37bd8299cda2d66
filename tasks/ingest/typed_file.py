"""Read Parquet, Arrow and Avro files: typed already, in the declared types or ones that fit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core.errors import SourceError
from tasks.ingest.compression import check_size
from tasks.ingest.config import FilesConfig
from tasks.ingest.evolving import new_names
from tasks.ingest.parts import Part, check_columns
from tasks.ingest.typed_frames import take_frame

_BATCH_ROWS = 131_072
_ARROW_FILE = b"ARROW1"


def read_typed(path: Path, name: str, source: FilesConfig, kind: str) -> Iterator[Part]:
    """Read a file's rows, a Parquet file's in bounded memory and with its pages' checksums.

    A value that does not fit its declared type, a number too large for it for example, holds its
    row back; a column of another kind altogether stops the run.

    Args:
        path: the file.
        name: what it is called in messages and in `_source`.
        source: its declaration.
        kind: parquet, arrow or avro.

    Raises:
        SchemaDriftError: columns or their kinds are not those declared.
        SourceError: the file is damaged, or larger than allowed.
    """
    line = 1
    try:
        for frame in _FRAMES[kind](path, name, source):
            yield take_frame(frame, line, name, source)
            line += frame.height
    except (pa.ArrowException, pl.exceptions.PolarsError) as error:
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
        groups = range(file.metadata.num_row_groups)
        size = sum(file.metadata.row_group(group).total_byte_size for group in groups)
        check_size(size, name, source.max_file_bytes)
        check_columns(file.schema_arrow.names, source, name)
        new = new_names(file.schema_arrow.names, source)
        for batch in file.iter_batches(_BATCH_ROWS, columns=[*source.columns, *new]):
            yield pl.DataFrame(pa.Table.from_batches([batch]))


def _arrow(path: Path, name: str, source: FilesConfig) -> Iterator[pl.DataFrame]:
    with path.open("rb") as raw:
        is_file = raw.read(len(_ARROW_FILE)) == _ARROW_FILE
    opener = pa.ipc.open_file if is_file else pa.ipc.open_stream
    with pa.OSFile(str(path)) as raw, opener(raw) as reader:
        check_columns(reader.schema.names, source, name)
        count = reader.num_record_batches if is_file else None
        batches = map(reader.get_batch, range(count)) if count is not None else reader
        size = 0
        for batch in batches:
            size += batch.nbytes
            check_size(size, name, source.max_file_bytes)
            yield pl.DataFrame(pa.Table.from_batches([batch]))


def _avro(path: Path, name: str, source: FilesConfig) -> Iterator[pl.DataFrame]:
    check_size(path.stat().st_size, name, source.max_file_bytes)
    frame = pl.read_avro(path)
    check_columns(frame.columns, source, name)
    yield frame


_FRAMES = {"parquet": _parquet, "arrow": _arrow, "avro": _avro}
