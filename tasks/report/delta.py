"""Public tables as Delta Lake tables: a partition for each batch date, overwritten as a whole.

The Parquet tables are the truth; a Delta table is a copy that can be made anew from them. What it
was made from is kept beside it: `<store>/delta/<pipeline>/origins.json`, the files of each batch
date of each table by digest.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
import pyarrow as pa

from tasks.core.batches import BATCH_DATE
from tasks.core.errors import ConfigError, StoreError
from tasks.core.files import make_folder, write_over
from tasks.core.keys import canonical_json
from tasks.report.contract import TABLES, VERSION

ORIGINS = "origins.json"
_CHUNK_ROWS = 131_072
# Delta knows no unsigned number and no time of day.
_WIDER: Mapping[pl.DataType, pl.DataType] = {
    pl.UInt8(): pl.Int16(),
    pl.UInt16(): pl.Int32(),
    pl.UInt32(): pl.Int64(),
    pl.UInt64(): pl.Decimal(20, 0),
}
_TIME = "%H:%M:%S%.6f"

Sources = Mapping[str, str]
Origins = dict[str, dict[str, Sources]]


def check_installed(where: str) -> None:
    """Hold that Delta tables can be written.

    Raises:
        ConfigError: the package is not installed.
    """
    if importlib.util.find_spec("deltalake") is None:
        raise ConfigError(
            "the package deltalake, for report.format: delta",
            found="it is not installed",
            where=where,
            do="Install it: pip install 'lamplighter[delta]', or take report.format: parquet.",
        )


def overwrite(folder: Path, table: str, batch_date: str, rows: pl.LazyFrame) -> None:
    """Put rows in the place of those a batch date has; readers see the old ones or the new ones.

    Args:
        folder: the Delta table; made where there is none.
        table: the public table's name.
        batch_date: ISO date.
        rows: the date's rows, without the date.

    Raises:
        StoreError: the table cannot take these columns, or is damaged.
    """
    from deltalake import CommitProperties, write_deltalake

    day = pl.lit(batch_date).str.to_date().alias(BATCH_DATE)
    facts = {"lamplighter.contract_version": VERSION, "lamplighter.batch_date": batch_date}
    make_folder(folder)
    try:
        write_deltalake(
            folder,
            _stream(table, rows.with_columns(day)),
            mode="overwrite",
            predicate=f"{BATCH_DATE} = '{batch_date}'",
            partition_by=[BATCH_DATE],
            schema_mode="merge",
            name=table,
            description=f"One row for {TABLES[table].one_row_for}." if table in TABLES else None,
            commit_properties=CommitProperties(custom_metadata=facts),
        )
    except Exception as error:  # of Delta, Arrow, Polars or the disk: the library names no base
        raise _damaged(folder, error) from error


def withdraw(folder: Path, batch_date: str) -> None:
    """Take a batch date away, and the files that nobody has needed for a week."""
    from deltalake import DeltaTable

    try:
        table = DeltaTable(folder)
        table.delete(f"{BATCH_DATE} = '{batch_date}'")
        table.vacuum(dry_run=False)
    except Exception as error:
        raise _damaged(folder, error) from error


def is_table(folder: Path) -> bool:
    """Whether a folder holds a Delta table."""
    return (folder / "_delta_log").is_dir()


def read_origins(folder: Path) -> Origins:
    """What the Delta tables of a pipeline were made from; of tables that are gone, nothing.

    Args:
        folder: `<store>/delta/<pipeline>`.
    """
    try:
        told: Origins = json.loads((folder / ORIGINS).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}  # then all of them are made anew
    return {table: dates for table, dates in told.items() if is_table(folder / table)}


def write_origins(folder: Path, origins: Origins) -> None:
    """Keep what the Delta tables were made from."""
    write_over(folder / ORIGINS, canonical_json(origins))


def _stream(table: str, rows: pl.LazyFrame) -> pa.RecordBatchReader:
    """The rows in bounded memory, in Delta's types, each column with its meaning."""
    columns = rows.collect_schema().items()
    typed = rows.with_columns(
        *(pl.col(name).cast(_WIDER[dtype]) for name, dtype in columns if dtype in _WIDER),
        *(pl.col(name).dt.to_string(_TIME) for name, dtype in columns if dtype == pl.Time),
    )
    empty = typed.collect_schema().to_frame().to_arrow(compat_level=pl.CompatLevel.oldest())
    told = {column.name: column.meaning for column in TABLES[table].columns}
    schema = pa.schema(
        field.with_metadata({"comment": told[field.name]}) if field.name in told else field
        for field in empty.schema
    )

    def batches() -> Iterator[pa.RecordBatch]:
        for chunk in typed.collect_batches(chunk_size=_CHUNK_ROWS, maintain_order=True):
            arrow = chunk.to_arrow(compat_level=pl.CompatLevel.oldest())
            yield from arrow.cast(schema).to_batches()

    return pa.RecordBatchReader.from_batches(schema, batches())


def _damaged(folder: Path, error: Exception) -> StoreError:
    return StoreError(
        "a Delta table that takes the batch date",
        found=f"{type(error).__name__}: {str(error)[:300]}",
        where=str(folder),
        do="Mend what it names, or delete this folder: the next night, or lamplighter delta NAME, "
        "makes it anew from the Parquet tables.",
    )
