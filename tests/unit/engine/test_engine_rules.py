"""What the engine adds to pandas, and what it refuses."""

from __future__ import annotations

import datetime as dt
import fnmatch
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import polars as pl
import pytest
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.expectations.expectation import ColumnAggregateExpectation, Expectation

from expectations.engine import validate

WORDS = ["abc", "aXc", "a%c", "ABC", "", "a\nc", "abcd", None]


def _check(
    frame: pl.DataFrame | pl.LazyFrame,
    check: Expectation,
    wanted: str | dict[str, Any] = "COMPLETE",
) -> ExpectationValidationResult:
    return validate(frame, gx.ExpectationSuite("one", [check]), result_format=wanted).results[0]


def _cause(result: ExpectationValidationResult) -> str:
    assert not result.success
    info: dict[str, Any] = result.exception_info
    entries = [info] if "exception_message" in info else list(info.values())
    return str(entries[0]["exception_message"])


@pytest.mark.parametrize(
    ("pattern", "glob"), [("a_c", "a?c"), ("a%", "a*"), ("%c", "*c"), ("abc", "abc"), ("%", "*")]
)
def test_like_patterns_match_the_whole_value(pattern: str, glob: str) -> None:
    bad = [word for word in WORDS if word is not None and not fnmatch.fnmatchcase(word, glob)]
    frame = pl.DataFrame({"w": WORDS})
    like = gxe.ExpectColumnValuesToMatchLikePattern(column="w", like_pattern=pattern)
    unlike = gxe.ExpectColumnValuesToNotMatchLikePattern(column="w", like_pattern=pattern)
    assert _check(frame, like).result["unexpected_list"] == bad
    good = [word for word in WORDS if word is not None and word not in bad]
    assert _check(frame, unlike).result["unexpected_list"] == good


def test_a_backslash_makes_a_like_wildcard_literal() -> None:
    check = gxe.ExpectColumnValuesToMatchLikePattern(column="w", like_pattern=r"a\%c")
    assert _check(pl.DataFrame({"w": ["a%c", "abc"]}), check).result["unexpected_list"] == ["abc"]


@pytest.mark.parametrize(("match_on", "bad"), [("any", ["zz"]), ("all", ["ab", "bc", "zz"])])
def test_like_pattern_lists_match_any_or_all(match_on: str, bad: list[str]) -> None:
    frame = pl.DataFrame({"w": ["ab", "abc", "bc", "zz"]})
    check = gxe.ExpectColumnValuesToMatchLikePatternList(
        column="w", like_pattern_list=["a%", "%c"], match_on=match_on
    )
    assert _check(frame, check).result["unexpected_list"] == bad


def test_no_pattern_of_a_negated_like_list_may_match() -> None:
    frame = pl.DataFrame({"w": ["ab", "abc", "bc", "zz"]})
    check = gxe.ExpectColumnValuesToNotMatchLikePatternList(
        column="w", like_pattern_list=["a%", "%c"]
    )
    assert _check(frame, check).result["unexpected_list"] == ["ab", "abc", "bc"]


def test_a_query_finds_unexpected_rows() -> None:
    frame = pl.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "y"]})
    query = "SELECT b, SUM(a) AS total FROM {batch} GROUP BY b HAVING SUM(a) > 3;"
    result = _check(frame, gxe.UnexpectedRowsExpectation(unexpected_rows_query=query))
    assert not result.success
    assert result.result["observed_value"] == 1
    assert result.result["details"]["unexpected_rows"] == [{"b": "y", "total": 5}]


def test_a_query_that_polars_cannot_run_is_named() -> None:
    check = gxe.UnexpectedRowsExpectation(unexpected_rows_query="SELECT nope( FROM {batch}")
    assert "Polars SQL" in _cause(_check(pl.DataFrame({"a": [1]}), check))


def test_text_that_is_not_json_breaks_a_json_schema_instead_of_the_check() -> None:
    check = gxe.ExpectColumnValuesToMatchJsonSchema(column="j", json_schema={"type": "object"})
    result = _check(pl.DataFrame({"j": ["{}", "[1]", "{", None]}), check)
    assert result.result["unexpected_list"] == ["[1]", "{"]


def test_an_invalid_json_schema_raises() -> None:
    check = gxe.ExpectColumnValuesToMatchJsonSchema(column="j", json_schema={"type": "nonsense"})
    assert "nonsense" in _cause(_check(pl.DataFrame({"j": ["{}"]}), check))


@pytest.mark.parametrize("regex", ["a(?=b)", "(?<!a)b", r"(a)\1"])
def test_a_regex_beyond_rust_is_refused_by_name_and_cause(regex: str) -> None:
    check = gxe.ExpectColumnValuesToMatchRegex(column="w", regex=regex)
    cause = _cause(_check(pl.DataFrame({"w": ["ab"]}), check))
    assert "expect_column_values_to_match_regex" in cause
    assert "look-around" in cause


@pytest.mark.parametrize(
    ("regex", "good"),
    [
        (r"^ab$", ["ab", "ab\n"]),
        (r"^ab\Z", ["ab"]),
        (r"[[&]", ["a[b", "a&b"]),
        (r"[]]", ["a]b"]),
        (r"[^]]b", ["ab", "ab\n", "a[b", "a&b"]),
        (r"a$|]b$", ["a]b"]),
    ],
)
def test_a_regex_means_what_it_means_in_python(regex: str, good: list[str]) -> None:
    frame = pl.DataFrame({"w": ["ab", "ab\n", "a[b", "a&b", "a]b"]})
    check = gxe.ExpectColumnValuesToNotMatchRegex(column="w", regex=regex)
    assert _check(frame, check).result["unexpected_list"] == good


def test_one_failing_check_keeps_its_own_cause_and_leaves_the_others_alone() -> None:
    frame = pl.DataFrame({"a": [1, 2], "w": ["x", "y"]})
    checks = [
        gxe.ExpectColumnMeanToBeBetween(column="w", min_value=0),
        gxe.ExpectColumnValuesToBeBetween(column="nowhere", min_value=0),
        gxe.ExpectColumnValuesToBeBetween(column="a", min_value=0),
        gxe.ExpectColumnMaxToBeBetween(column="a", max_value=2),
    ]
    mean, nowhere, between, most = validate(frame, gx.ExpectationSuite("all", checks)).results
    assert "mean" in _cause(mean)
    assert "nowhere" in _cause(nowhere)
    assert between.success
    assert most.success


def test_another_table_is_refused_by_name() -> None:
    check = gxe.ExpectTableRowCountToEqualOtherTable(other_table_name="other")
    cause = _cause(_check(pl.DataFrame({"a": [1]}), check))
    assert "expect_table_row_count_to_equal_other_table" in cause


def test_a_metric_without_a_provider_is_named() -> None:
    class ExpectColumnSpanToBeSmall(ColumnAggregateExpectation):
        metric_dependencies = ("column.parameterized_distribution_ks_test_p_value",)

        def _validate(self, metrics: Any, **_: Any) -> dict[str, Any]:
            return {"success": bool(metrics)}

    cause = _cause(_check(pl.DataFrame({"a": [1]}), ExpectColumnSpanToBeSmall(column="a")))
    assert "column.parameterized_distribution_ks_test_p_value" in cause
    assert "PolarsExecutionEngine" in cause


@pytest.mark.parametrize("name", ["Datetime", "datetime", "datetime64[us]", "Timestamp"])
def test_types_answer_to_their_names_elsewhere(name: str) -> None:
    frame = pl.DataFrame({"t": [dt.datetime(2024, 1, 1)]}, schema={"t": pl.Datetime("us")})
    assert _check(frame, gxe.ExpectColumnValuesToBeOfType(column="t", type_=name)).success
    assert _check(frame, gxe.ExpectColumnTypeToBe(column="t", type_=name)).success


def test_a_type_that_does_not_exist_is_refused() -> None:
    check = gxe.ExpectColumnValuesToBeOfType(column="a", type_="Intt64")
    assert "Intt64" in _cause(_check(pl.DataFrame({"a": [1]}), check))


def test_dates_of_a_suite_are_read_in_the_zone_of_the_column() -> None:
    zoned = pl.Series("t", [dt.datetime(2024, 1, 1, 12)]).dt.replace_time_zone("Europe/London")
    check = gxe.ExpectColumnValuesToBeBetween(
        column="t", min_value="2024-01-01T11:59:00", max_value="2024-01-01T12:00:00"
    )
    assert _check(zoned.to_frame(), check).success


def test_nested_columns_are_only_asked_for_presence() -> None:
    frame = pl.DataFrame({"xs": [[1], None]})
    result = _check(frame, gxe.ExpectColumnValuesToNotBeNull(column="xs"))
    assert result.result["unexpected_count"] == 1
