"""The quarantine: rows held back, each with every reason, its origin and its raw values."""

from __future__ import annotations

import polars as pl

from tasks.core.binary import as_json

SOURCE = "_source"
LINE = "_line"

SCHEMA: dict[str, pl.DataType] = {
    "stage": pl.String(),
    "table": pl.String(),
    "source": pl.String(),
    "line": pl.Int64(),
    "reasons": pl.List(pl.String()),
    "raw": pl.String(),
}


def from_rows(stage: str, table: str, rows: pl.LazyFrame, reasons: pl.Expr) -> pl.LazyFrame:
    """Turn typed rows into quarantine rows.

    Args:
        stage: the stage that holds them back.
        table: the table they belong to.
        rows: typed rows with `_source` and `_line`.
        reasons: list of strings for each row.

    Returns:
        One row for each, by `SCHEMA`; `raw` is a JSON object of the row's values, bytes as
        `tasks.core.binary` tells them.
    """
    columns = {c: d for c, d in rows.collect_schema().items() if not c.startswith("_")}
    return rows.select(
        stage=pl.lit(stage),
        table=pl.lit(table),
        source=pl.col(SOURCE).cast(pl.String),
        line=pl.col(LINE).cast(pl.Int64),
        reasons=reasons,
        raw=as_json(columns),
    )
