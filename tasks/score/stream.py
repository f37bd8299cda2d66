"""The night's features as matrices, one bounded batch after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from tasks.core.parquet import ROW_GROUP_ROWS
from tasks.models.base import Matrix


@dataclass(frozen=True, slots=True)
class Events:
    """A table of features: what names an event first, up to `batch_date`, then the features.

    Args:
        table: the scan; each batch reads its own row group, and only the columns it needs.
        rows: rows of the table.
        names: columns that name an event.
        features: the other columns.
    """

    table: pl.LazyFrame
    rows: int
    names: tuple[str, ...]
    features: tuple[str, ...]

    @classmethod
    def of(cls, table: pl.LazyFrame, rows: int) -> Events:
        """Tell the columns of a features table apart."""
        columns = table.collect_schema().names()
        first = columns.index("batch_date") + 1
        return cls(table, rows, tuple(columns[:first]), tuple(columns[first:]))

    @property
    def starts(self) -> range:
        """The position of the first row of each batch.

        Batches are cut at fixed rows: a network's last digits may depend on the size of a batch.
        """
        return range(0, self.rows, ROW_GROUP_ROWS)

    def batch(self, start: int) -> pl.LazyFrame:
        """The batch that begins at a position."""
        return self.table.slice(start, ROW_GROUP_ROWS)

    def batches(self) -> Iterator[tuple[int, pl.LazyFrame]]:
        """The table in batches, each with the position of its first row."""
        return ((start, self.batch(start)) for start in self.starts)

    def matrices(self, features: Sequence[str]) -> Iterator[Matrix]:
        """float32 matrices of the named features, in the order of the rows, NaN for null."""
        for _, batch in self.batches():
            yield as_matrix(batch, features)

    def columns(self, names: Sequence[str]) -> pl.DataFrame:
        """Whole columns that name the events."""
        return self.table.select(names).collect(engine="streaming")


def as_matrix(table: pl.LazyFrame, features: Sequence[str]) -> Matrix:
    """The named features of a table as a row-major float32 matrix, NaN for null."""
    columns = table.select(pl.col(features).cast(pl.Float32).fill_null(float("nan"))).collect()
    return columns.to_numpy(order="c")
