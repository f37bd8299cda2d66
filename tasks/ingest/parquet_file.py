"""Read Parquet files: typed already, they must have the declared types or ones that fit in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core.errors import SchemaDriftError, SourceError
from tasks.ingest.config import FilesConfig
from tasks.ingest.parts import LINE, Held, Part, check_columns, to_json

_BATCH_ROWS = 131_072


def read_parquet(path: Path, name: str, source: FilesConfig) -> Iterator[Part]:
    """Read a file's rows in bounded memory, checking the checksums its pages may have.

    A value that does not fit its declared type, a number too large for it for example, holds its
    row back; a column of another kind altogether stops the run.

    Raises:
        SchemaDriftError: columns or their kinds are not those declared.
        SourceError: the file is damaged.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            check_columns(file.schema_arrow.names, source, name)
            line = 1
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(source.columns)):
                frame = pl.DataFrame(pa.Table.from_batches([batch]))
                yield _cast(frame, line, name, source)
                line += frame.height
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            "a whole Parquet file",
            found=str(error).splitlines()[0],
            where=name,
            do="Have the file sent again: it was cut short or damaged.",
        ) from error


def _cast(frame: pl.DataFrame, first_line: int, name: str, source: FilesConfig) -> Part:
    """Cast where nothing is lost: there and back again gives the same value."""
    frame = frame.select(list(source.columns))
    given = {c: frame.schema[c] for c in frame.columns}
    for column, dtype in source.table_schema.items():
        if not _akin(given[column], dtype):
            raise SchemaDriftError(
                f"{column} as {source.columns[column].type}",
                found=str(given[column]),
                where=name,
                do="Ask who sends the file; if the change is meant, change the source's schema.",
            )
    cast = frame.select(pl.col(c).cast(d, strict=False) for c, d in source.table_schema.items())
    wrong = {
        c: ~cast[c].cast(given[c], strict=False).eq_missing(frame[c])
        for c, d in source.table_schema.items()
        if given[c] != d
    }
    rows = cast.with_columns(pl.int_range(first_line, first_line + frame.height).alias(LINE))
    failed = pl.DataFrame(wrong).select(pl.any_horizontal(pl.all())).to_series() if wrong else None
    if failed is None or not failed.any():
        return Part(name, frame.height, rows, [])
    held = [
        Held(
            first_line + index,
            [f"{c}: does not fit {source.columns[c].type}" for c in wrong if wrong[c][index]],
            to_json(frame.row(index, named=True)),
        )
        for index in failed.arg_true().to_list()
    ]
    return Part(name, frame.height, rows.filter(~failed), held)


def _akin(given: pl.DataType, declared: pl.DataType) -> bool:
    """Whether values of one type can be ones of the other, without being text in between."""
    if given == declared or given == pl.Null:
        return True
    if given.is_numeric() and declared.is_numeric():
        return True
    if isinstance(given, (pl.Categorical, pl.Enum)) and declared == pl.String:
        return True
    if isinstance(given, pl.Datetime) and isinstance(declared, pl.Datetime):
        return (given.time_zone is None) == (declared.time_zone is None)
    return given == pl.Date and isinstance(declared, pl.Datetime)
