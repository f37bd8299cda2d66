"""What a public table's declaration is made of: its columns, their types and meanings."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

REASONS = pl.List(
    pl.Struct({"feature": pl.String(), "value": pl.Float64(), "contribution": pl.Float64()})
)
REJECTED = pl.List(pl.Struct({"reason": pl.String(), "rows": pl.Int64()}))
STAGES = pl.List(
    pl.Struct(
        {
            "stage": pl.String(),
            "wall_seconds": pl.Float64(),
            "cpu_seconds": pl.Float64(),
            "peak_memory_bytes": pl.Int64(),
            "bytes_read": pl.Int64(),
            "bytes_written": pl.Int64(),
        }
    )
)
VERSIONS = pl.List(pl.Struct({"package": pl.String(), "version": pl.String()}))
POINTS = pl.List(pl.Float64())
UTC = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a public table.

    Args:
        name: its name.
        dtype: its type, nested ones included.
        meaning: what it says, in one sentence.
        example: a value as a reader would see it.
        unit: the unit of its values, if they have one.
        nullable: whether a value may be missing.
    """

    name: str
    dtype: pl.DataType
    meaning: str
    example: str
    unit: str = ""
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One public table.

    Args:
        name: its name, also of its folder.
        one_row_for: what a row stands for.
        order: how the rows are sorted.
        columns: its columns, in order.
        leads_with_event: whether the pipeline's key and entity columns come first, with their
            own names and types.
    """

    name: str
    one_row_for: str
    order: str
    columns: tuple[Column, ...]
    leads_with_event: bool = False

    def empty(self) -> pl.DataFrame:
        """The table without a row."""
        return pl.DataFrame(schema={column.name: column.dtype for column in self.columns})


RUN_ID = Column(
    "run_id",
    pl.String(),
    "The run, named by its content: the same input gives the same name.",
    "retail-2010-07-05-3f9c2b7a10de",
)
MODEL_VERSION = Column(
    "model_version", pl.String(), "Version of the model that scored.", "9ad0c1f2e3b4"
)
