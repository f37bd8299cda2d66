"""The quality table: one row for each expectation, without any value of a row."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from expectations.suite import ExpectationResult

SCHEMA: dict[str, pl.DataType] = {
    "table": pl.String(),
    "expectation": pl.String(),
    "columns": pl.String(),
    "severity": pl.String(),
    "blocking": pl.Boolean(),
    "success": pl.Boolean(),
    "observed_value": pl.String(),
    "element_count": pl.Int64(),
    "unexpected_count": pl.Int64(),
    "unexpected_percent": pl.Float64(),
    "notes": pl.String(),
}


def to_frame(results: Iterable[tuple[str, ExpectationResult]]) -> pl.DataFrame:
    """Make the table of results, in order.

    Args:
        results: each with the table it is about.

    Returns:
        By `SCHEMA`. `blocking` marks the expectations whose failing rows are held back; a check
        that could not be made has no success, no counts, and the cause as its observed value.
    """
    rows = [
        {
            "table": table,
            "expectation": result.expectation.type,
            "columns": ", ".join(result.expectation.columns),
            "severity": result.expectation.severity,
            "blocking": result.expectation.on_failure == "quarantine",
            "success": result.success,
            "observed_value": f"not checked: {result.error}" if result.error else result.observed,
            "element_count": result.element_count,
            "unexpected_count": result.unexpected_count,
            "unexpected_percent": result.unexpected_percent,
            "notes": result.expectation.notes,
        }
        for table, result in results
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")
