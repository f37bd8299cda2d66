"""Read Parquet and Arrow files: typed already, in the declared types or ones that fit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa

from tasks.core.errors import SourceError
from tasks.ingest.arrow_file import arrow_frames
from tasks.ingest.config import FilesConfig
from tasks.ingest.parquet_file import parquet_frames
from tasks.ingest.parts import Part
from tasks.ingest.typed_frames import take_frame


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
    except (*_DAMAGE, pl.exceptions.PanicException) as error:
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


# A flipped bit in the name of a column makes it text of no encoding.
_DAMAGE = (pa.ArrowException, pl.exceptions.PolarsError, UnicodeDecodeError)
_FRAMES = {"parquet": parquet_frames, "arrow": arrow_frames}
