"""Great Expectations 1.24 on Polars: an execution engine, a datasource, and row flags.

Importing this package enters the engine and its datasource into Great Expectations; import it
before a context is made. Then everything works through the ordinary API: suites, validation
definitions, checkpoints, result formats, file contexts, Data Docs.

    >>> import expectations.engine
    >>> import great_expectations as gx
    >>> lake = gx.get_context(mode="ephemeral").data_sources.add_polars("lake")
    >>> orders = lake.add_parquet_asset("orders", path="/lake/orders/*.parquet")

`validate` runs a suite over a frame without a context; `flag_rows` marks each row with the
expectations that it breaks. What has no meaning on a frame raises `UnsupportedExpectationError`.
"""

from __future__ import annotations

from expectations.engine.datasource import (
    PolarsDatasource,
    PolarsFrameAsset,
    PolarsParquetAsset,
)
from expectations.engine.engine import PolarsExecutionEngine
from expectations.engine.errors import UnsupportedExpectationError
from expectations.engine.flags import RowFlags, flag_rows
from expectations.engine.setup import register
from expectations.engine.validation import NO_RAW_VALUES, validate

__all__ = [
    "NO_RAW_VALUES",
    "PolarsDatasource",
    "PolarsExecutionEngine",
    "PolarsFrameAsset",
    "PolarsParquetAsset",
    "RowFlags",
    "UnsupportedExpectationError",
    "flag_rows",
    "register",
    "validate",
]

register()
