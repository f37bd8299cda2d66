"""Hold a frame to its contract, and describe it in the file's own metadata."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tasks.core.errors import DataError, SchemaDriftError
from tasks.core.keys import canonical_json
from tasks.report.columns import Table
from tasks.report.contract import VERSION
from tasks.report.records import Provenance

_DEFECT = "This is a defect of the stage that made it: please report it with this message."


def conform(table: Table, frame: pl.LazyFrame, leading: Sequence[str] = ()) -> pl.LazyFrame:
    """A frame with exactly the columns of its contract, in their order and with their types.

    Args:
        table: the contract.
        frame: rows with at least those columns; values that do not fit a type are refused.
        leading: the pipeline's own columns, which come first and keep their types.

    Raises:
        SchemaDriftError: a column is missing, or a pipeline's column has a name of the contract.
        DataError: a value is missing where the contract has one.
    """
    given = frame.collect_schema().names()
    wanted = [*leading, *(column.name for column in table.columns)]
    if len(set(wanted)) < len(wanted) or not set(wanted) <= set(given):
        raise SchemaDriftError(
            f"the columns {wanted}",
            found=str(given),
            where=f"table {table.name}",
            do="Give key and entity columns other names than those of infra/docs/tables.md, "
            "or report this message.",
        )
    conformed = frame.select(
        *leading, *(pl.col(column.name).cast(column.dtype) for column in table.columns)
    )
    _check_nulls(table, conformed)
    return conformed


def describe(table: Table, provenance: Provenance) -> dict[str, str]:
    """The key-value pairs of a table's file: nothing in them depends on when it was written."""
    columns = {
        column.name: {"meaning": column.meaning, "unit": column.unit} for column in table.columns
    }
    return {
        "lamplighter.table": table.name,
        "lamplighter.contract_version": VERSION,
        "lamplighter.run_id": provenance.run_id,
        "lamplighter.pipeline": provenance.pipeline,
        "lamplighter.batch_date": provenance.batch_date,
        "lamplighter.config_sha256": provenance.config_sha256,
        "lamplighter.code_sha256": provenance.code_sha256,
        "lamplighter.model_version": provenance.model_version,
        "lamplighter.inputs": canonical_json(provenance.inputs).decode(),
        "lamplighter.columns": canonical_json(columns).decode(),
    }


def _check_nulls(table: Table, frame: pl.LazyFrame) -> None:
    required = [column.name for column in table.columns if not column.nullable]
    counts = frame.select(pl.col(required).null_count()).collect(engine="streaming")
    missing = {name: counts[name].item() for name in required if counts[name].item()}
    if missing:
        raise DataError(
            f"a value in every row of {', '.join(missing)}",
            found=", ".join(f"{count} rows without {name}" for name, count in missing.items()),
            where=f"table {table.name}",
            do=_DEFECT,
        )
