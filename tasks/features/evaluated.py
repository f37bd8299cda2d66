"""SQL of each row, as numbers and as conditions."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.core.sql import widened
from tasks.features.codes import Bools, Floats


def numbers(rows: pl.DataFrame, expression: str) -> Floats:
    """A SQL expression of each row; NaN where it is missing."""
    value = pl.sql_expr(expression).cast(pl.Float64).alias("value")
    computed = widened(rows, [expression]).with_columns(value)["value"]
    values: Floats = computed.to_numpy().astype(np.float64)
    return values


def holds(rows: pl.DataFrame, condition: str) -> Bools:
    """Whether each row meets a SQL condition; what is missing does not."""
    taken = pl.sql_expr(condition).fill_null(False).alias("taken")
    found: Bools = widened(rows, [condition]).with_columns(taken)["taken"].to_numpy()
    return found
