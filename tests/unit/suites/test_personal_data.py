"""Planted canaries: no expectation of any kind may carry a value of a row into its result."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from expectations.catalogue import kinds
from expectations.check import Surroundings, check
from expectations.suite import Expectation, Suite

ARGUMENTS: dict[str, Any] = {
    "column_A": "text",
    "column_B": "other",
    "column_list": ["text", "other"],
    "column_set": ["text"],
    "value_set": ["x"],
    "value_pairs_set": [["x", "y"]],
    "value": 3,
    "type_": "Int64",
    "type_list": ["Int64"],
    "regex": "^x$",
    "regex_list": ["^x$"],
    "like_pattern": "x%",
    "like_pattern_list": ["x%"],
    "strftime_format": "%Y",
    "json_schema": {"type": "object", "required": ["x"]},
    "threshold": 0.1,
    "double_sided": True,
    "partition_object": {"values": ["x", "y"], "weights": [0.5, 0.5]},
    "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[0, 1]]},
    "sum_total": 3,
    "method": "iqr",
    "multiplier": 1.5,
    "unexpected_rows_query": "select * from {batch}",
    "min_value": 0,
    "max_value": 1,
    "table": "others",
    "key": "key",
}
OPTIONAL = {"min_value", "max_value", "mostly", "ties_okay"}
CANARIES = ("canary", "4711", "3999")
FRAME = pl.LazyFrame(
    {
        "text": ["canary-a", "canary-b", "canary-a", '{"x": "canary-c"}'],
        "other": ["canary-d", "canary-e", None, "canary-f"],
        "number": [47110001.0, 47110002.0, float("nan"), 47110003.0],
        "count": [47110001, 47110002, 47110003, 47110004],
        "day": [dt.date(3999, 1, 1), dt.date(3999, 1, 2), None, dt.date(3999, 1, 3)],
        "moment": [dt.datetime(3999, 1, n) for n in (1, 2, 3, 4)],
    }
)


@pytest.mark.parametrize("column", FRAME.collect_schema().names())
@pytest.mark.parametrize("kind", list(kinds()))
def test_no_result_carries_a_value_of_a_row(
    kind: str,
    column: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("DEBUG")
    others = {"others": FRAME.select(key=pl.col(column)).head(1)}
    expectation = Expectation(kind, {**_arguments(kind), **_about(kind, column)})
    results = check(FRAME, Suite("suite.yaml", (expectation,)), Surroundings(others))
    told = [str(results), caplog.text, *capfd.readouterr()]
    assert [text for text in told for canary in CANARIES if canary in text] == []


def _arguments(kind: str) -> dict[str, Any]:
    wanted = kinds()[kind]
    return {
        name: ARGUMENTS[name]
        for name in wanted.arguments
        if name in ARGUMENTS and (name in wanted.required or name in OPTIONAL)
    }


def _about(kind: str, column: str) -> dict[str, Any]:
    return {"column": column} if "column" in kinds()[kind].arguments else {}
