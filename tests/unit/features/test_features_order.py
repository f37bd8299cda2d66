"""Quantiles and windows of rows against a reference that sorts each window."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.event import EventConfig
from tasks.features.config import FeaturesConfig
from tasks.features.order import kth_smallest
from tests.unit.features.reference import DAY, Row, assert_equal, every, expected, features

FAMILY: Row = {
    "family": "history",
    "entity": "customer",
    "windows": ["7d", "30d"],
    "last": [1, 5],
    "statistics": ["count", "mean", "std", "max", "median", "p10", "p90", "since_last", "ratio"],
    "values": ["price"],
}


def prices(past: list[Row]) -> list[float]:
    return [row["price"] for row in past if row["price"] is not None]


def quantile(past: list[Row], share: float) -> float | None:
    return float(np.quantile(prices(past), share)) if prices(past) else None


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60), st.data())
def test_the_kth_smallest_of_any_range(numbers: list[int], data: st.DataObject) -> None:
    low = data.draw(st.integers(0, len(numbers) - 1))
    high = data.draw(st.integers(low + 1, len(numbers)))
    k = np.arange(high - low)
    ranges = (np.full_like(k, low), np.full_like(k, high), k)
    (found,) = kth_smallest(np.array(numbers), [ranges])
    assert found.tolist() == sorted(numbers[low:high])


@pytest.mark.parametrize("statistic", ["median", "p10", "p90"])
def test_quantiles_equal_the_reference(
    lines: pl.DataFrame, event: EventConfig, statistic: str
) -> None:
    share = {"median": 0.5, "p10": 0.1, "p90": 0.9}[statistic]
    found = features(lines, event, [FAMILY])
    for suffix, window in {"7d": 7 * DAY, "30d": 30 * DAY}.items():
        reference = expected(
            lines, ["customer"], window, every, lambda now, past: quantile(past, share)
        )
        assert_equal(found[f"customer.price_{statistic}_{suffix}"], reference)


@pytest.mark.parametrize("rows", [1, 5])
def test_windows_of_rows_are_the_last_rows_within_the_longest_span(
    lines: pl.DataFrame, event: EventConfig, rows: int
) -> None:
    found = features(lines, event, [FAMILY])

    def largest(now: Row, past: list[Row]) -> Any:
        return max(prices(past[-rows:]), default=None)

    measures = {
        "count": lambda now, past: min(len(past), rows),
        "price_max": largest,
        "price_median": lambda now, past: quantile(past[-rows:], 0.5),
    }
    for name, measure in measures.items():
        reference = expected(lines, ["customer"], 30 * DAY, every, measure)
        assert_equal(found[f"customer.{name}_last{rows}"], reference)


@pytest.mark.parametrize("statistic", ["p0", "p100", "q90", "mode"])
def test_a_statistic_that_is_none_is_refused(statistic: str) -> None:
    with pytest.raises(ValidationError, match="statistics"):
        FeaturesConfig.model_validate([FAMILY | {"statistics": [statistic]}])


def test_quantiles_of_values_that_are_all_missing_are_missing(event: EventConfig) -> None:
    rows = pl.DataFrame(
        {
            "at": pl.Series(["2010-01-01", "2010-01-02"]).str.to_datetime(),
            "invoice": ["a", "b"],
            "line": [1, 1],
            "quantity": [1, 1],
            "customer": [1, 1],
            "price": pl.Series([None, None], dtype=pl.Float64),
        }
    )
    found = features(rows, event, [FAMILY | {"statistics": ["median"]}])
    assert found.null_count().row(0) == (2,) * 4
