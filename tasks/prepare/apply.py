"""Apply what training learned, unchanged, to rows of any night."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
from polars.datatypes import DataType, DataTypeClass

from tasks.core.artifacts import Preparation, Treatment
from tasks.core.errors import SchemaDriftError


def apply(rows: pl.LazyFrame, preparation: Preparation) -> pl.LazyFrame:
    """Clip, then fill: a fill value was learned from rows that a fence may have clipped.

    Integers that are clipped at a fraction, or filled with one, become Float64.

    Raises:
        SchemaDriftError: a treated column is missing.
    """
    schema = rows.collect_schema()
    missing = [t.column for t in preparation.treatments if t.column not in schema]
    if missing:
        raise SchemaDriftError(
            f"the columns training treated: {', '.join(missing)}",
            found=f"only {', '.join(schema.names())}",
            where="prepare",
            do="Restore the columns, or train again without them.",
        )
    return rows.with_columns([_treated(t, schema[t.column]) for t in preparation.treatments])


def _treated(treatment: Treatment, dtype: DataType | DataTypeClass) -> pl.Expr:
    values = pl.col(treatment.column)
    if dtype.is_integer() and any(not whole.is_integer() for whole in _floats(treatment)):
        values = values.cast(pl.Float64)
        dtype = pl.Float64()
    if treatment.low is not None or treatment.high is not None:
        values = values.clip(treatment.low, treatment.high)
    if treatment.fill is not None:
        values = values.fill_null(pl.lit(treatment.fill).cast(dtype))
    return values.alias(treatment.column)


def _floats(treatment: Treatment) -> Iterator[float]:
    for value in (treatment.fill, treatment.low, treatment.high):
        if isinstance(value, (int, float)):
            yield float(value)
