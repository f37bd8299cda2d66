"""Great Expectations on pandas is the oracle: whatever it says of the same rows, Polars says too.

Differences are accepted only where `ACCEPTED` names them with a reason; one that no longer occurs
fails as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import great_expectations as gx
import numpy as np
import pandas as pd
import pytest
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.expectations.expectation import Expectation

import expectations.engine
from expectations.engine import validate
from tests.unit.engine import cases, frames

PYTHON_DATES = (
    "GX reads a date-only bound as datetime.date, which pandas refuses to compare with timestamps"
)
DECIMALS = "pandas converts a filtered column of decimals only in part: wrong numbers or an error"
SPELLING = "each engine calls a type by its own name"
AS_WRITTEN = "pandas reports a missing date as a timestamp, Polars as the suite wrote it"

# (expectation, column, what differs): reason; "exception" is a check that only pandas cannot make
ACCEPTED: dict[tuple[str, str, str], str] = {
    ("expect_column_type_to_be", "id", "observed_value"): SPELLING,
    ("expect_column_type_to_be", "other", "observed_value"): SPELLING,
    ("expect_column_values_to_be_of_type", "id", "observed_value"): SPELLING,
    ("expect_column_values_to_be_of_type", "other", "observed_value"): SPELLING,
    ("expect_column_values_to_be_of_type", "mail", "observed_value"): SPELLING,
    ("expect_column_values_to_be_in_type_list", "id", "observed_value"): SPELLING,
    ("expect_column_values_to_be_in_type_list", "other", "observed_value"): SPELLING,
    ("expect_column_values_to_be_between", "moment", "exception"): PYTHON_DATES,
    ("expect_column_min_to_be_between", "moment", "exception"): PYTHON_DATES,
    ("expect_column_mean_to_be_between", "price", "observed_value"): DECIMALS,
    ("expect_column_stdev_to_be_between", "price", "observed_value"): DECIMALS,
    ("expect_column_sum_to_be_between", "price", "exception"): DECIMALS,
    ("expect_column_distinct_values_to_contain_set", "moment", "partial_missing_list"): AS_WRITTEN,
    ("expect_column_distinct_values_to_equal_set", "moment", "partial_missing_list"): AS_WRITTEN,
    ("expect_column_distinct_values_to_contain_set", "day", "partial_missing_list"): AS_WRITTEN,
    ("expect_column_distinct_values_to_equal_set", "day", "partial_missing_list"): AS_WRITTEN,
}
NEVER_COMPARED = {
    "unexpected_index_query": "a query in each engine's own language",
    "partial_unexpected_counts": "GX derives it from the compared list, pandas in another order",
}
UNORDERED = {"partial_missing_list", "partial_unexpected_counts"}
FORMATS: dict[str, str | dict[str, Any]] = {
    "boolean": "BOOLEAN_ONLY",
    "basic": "BASIC",
    "summary": "SUMMARY",
    "keyed": {"result_format": "COMPLETE", "unexpected_index_column_names": ["id", "key"]},
    "keys only": {
        "result_format": "COMPLETE",
        "unexpected_index_column_names": ["id"],
        "exclude_unexpected_values": True,
        "return_unexpected_index_query": False,
    },
    "rows": {"result_format": "BASIC", "include_unexpected_rows": True},
    "few": {"result_format": "SUMMARY", "partial_unexpected_count": 3},
    "none": {"result_format": "SUMMARY", "partial_unexpected_count": 0},
}
CHUNK = 25  # GX grows with the square of the expectations in one suite

Results = dict[str, ExpectationValidationResult]


@pytest.fixture(scope="module")
def oracle() -> BatchDefinition[Any]:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("all")


@pytest.fixture(scope="module")
def seen() -> set[tuple[str, str, str]]:
    """The accepted differences that did occur."""
    return set()


def _run(
    oracle: BatchDefinition[Any], columns: frames.Columns, checks: list[Expectation], wanted: Any
) -> list[tuple[Expectation, ExpectationValidationResult, ExpectationValidationResult]]:
    for position, check in enumerate(checks):
        check.id = str(position)
    batch = oracle.get_batch({"dataframe": frames.in_pandas(columns)})
    polars = frames.in_polars(columns)
    by_pandas: Results = {}
    by_polars: Results = {}
    for at in range(0, len(checks), CHUNK):
        suite = gx.ExpectationSuite("suite")
        suite.expectations = checks[at : at + CHUNK]
        for found, results in (
            (by_pandas, batch.validate(suite, result_format=wanted)),
            (by_polars, validate(polars, suite, result_format=wanted)),
        ):
            found.update({str(r.expectation_config.id): r for r in results.results})  # type: ignore[union-attr]
    return [(c, by_pandas[str(i)], by_polars[str(i)]) for i, c in enumerate(checks)]


def _has_raised(result: ExpectationValidationResult) -> bool:
    info: Mapping[str, Any] = result.exception_info or {}
    return bool(info.get("raised_exception", bool(info)))


def _plain(value: Any) -> Any:
    """A value without the traces of its engine."""
    if isinstance(value, pd.DataFrame):
        value = value.to_dict("records")
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(v) for v in value]
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, np.datetime64 | pd.Timestamp) or hasattr(value, "isoformat"):
        return str(pd.Timestamp(value))
    return value if isinstance(value, str) else float(f"{float(value):.9g}")


def _differences(one: ExpectationValidationResult, other: ExpectationValidationResult) -> set[str]:
    if _has_raised(one) or _has_raised(other):
        return set() if _has_raised(one) and _has_raised(other) else {"exception"}
    found = set() if bool(one.success) == bool(other.success) else {"success"}
    for field in (set(one.result) | set(other.result)) - set(NEVER_COMPARED):
        a, b = _plain(one.result.get(field)), _plain(other.result.get(field))
        if field in UNORDERED and a is not None and b is not None:
            a, b = sorted(map(frames.as_json, a)), sorted(map(frames.as_json, b))
        if a != b:
            found.add(field)
    return found


def _shown(field: str, *results: ExpectationValidationResult) -> list[str]:
    if field == "exception":
        return [str(result.exception_info)[-300:] for result in results]
    return [str(result.result.get(field, result.success))[:300] for result in results]


def _compare(
    oracle: BatchDefinition[Any],
    columns: frames.Columns,
    checks: list[Expectation],
    wanted: Any,
    seen: set[tuple[str, str, str]],
) -> None:
    unexplained = []
    for check, by_pandas, by_polars in _run(oracle, columns, checks, wanted):
        kwargs = check.configuration.kwargs
        for field in _differences(by_pandas, by_polars):
            key = (check.expectation_type, str(kwargs.get("column", "")), field)
            seen.add(key)
            if key not in ACCEPTED:
                unexplained.append((*key, str(kwargs), *_shown(field, by_pandas, by_polars)))
    assert not unexplained


@pytest.mark.parametrize("content", ["mixed", "empty", "all_null"])
def test_every_expectation_agrees_with_pandas(
    content: str, oracle: BatchDefinition[Any], seen: set[tuple[str, str, str]]
) -> None:
    checks = cases.plain()
    if content != "mixed":
        # GX itself stops the whole run where no partition can be made
        checks = [c for c in checks if "kl_divergence" not in c.expectation_type]
    _compare(oracle, getattr(frames, content)(), checks, "COMPLETE", seen)


def test_every_row_condition_agrees_with_pandas(
    oracle: BatchDefinition[Any], seen: set[tuple[str, str, str]]
) -> None:
    _compare(oracle, frames.mixed(), cases.conditional(), "COMPLETE", seen)


@pytest.mark.parametrize("name", FORMATS)
def test_every_result_format_agrees_with_pandas(
    name: str, oracle: BatchDefinition[Any], seen: set[tuple[str, str, str]]
) -> None:
    checks = [*cases.pair_sets(), *cases.row_rules()]
    _compare(oracle, frames.mixed(), checks, FORMATS[name], seen)


@pytest.mark.parametrize("check", cases.ill_typed(), ids=lambda c: c.expectation_type)
def test_what_pandas_cannot_compute_raises_here_too(
    check: Expectation, oracle: BatchDefinition[Any]
) -> None:
    [(_, by_pandas, by_polars)] = _run(oracle, frames.mixed(), [check], "COMPLETE")
    assert _has_raised(by_pandas)
    assert _has_raised(by_polars)


def test_every_accepted_difference_still_occurs(seen: set[tuple[str, str, str]]) -> None:
    if len(seen) == 0:
        pytest.skip("the comparisons were not run")
    assert set(ACCEPTED) <= seen


def test_the_package_is_imported_for_its_registration() -> None:
    assert expectations.engine.PolarsExecutionEngine.__name__ == "PolarsExecutionEngine"
