"""The number of rows, against the median of earlier nights."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import polars as pl

from expectations.catalogue import MatchHistory
from expectations.suite import Expectation, ExpectationResult


def compare(
    frame: pl.LazyFrame, expectation: Expectation, row_counts: Sequence[int]
) -> ExpectationResult:
    """Check an `expect_table_row_count_to_match_history`; too short a history passes."""
    bounds = MatchHistory(**expectation.arguments)
    rows = int(frame.select(pl.len()).collect(engine="streaming").item())
    if len(row_counts) < bounds.min_nights:
        observed = f"{rows} rows; {len(row_counts)} of {bounds.min_nights} nights known"
        return ExpectationResult(expectation, True, observed)
    usual = statistics.median(row_counts)
    fits = bounds.min_ratio * usual <= rows <= bounds.max_ratio * usual
    observed = f"{rows} rows; median {usual:g} of {len(row_counts)} nights"
    return ExpectationResult(expectation, fits, observed)
