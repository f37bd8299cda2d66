"""A batch as the engine holds it: a lazy frame and its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from great_expectations.core.batch import BatchData

if TYPE_CHECKING:
    from expectations.engine.engine import PolarsExecutionEngine


class PolarsBatchData(BatchData):
    """A lazy frame of one engine.

    Args:
        execution_engine: the engine that computes on this batch and on no other.
        frame: the rows; read anew by every query.
    """

    def __init__(self, execution_engine: PolarsExecutionEngine, frame: pl.LazyFrame) -> None:
        super().__init__(execution_engine=execution_engine)
        self.frame = frame
        self.schema = frame.collect_schema()

    @property
    def dataframe(self) -> pl.LazyFrame:
        """The rows, under the name that Great Expectations uses for them."""
        return self.frame
