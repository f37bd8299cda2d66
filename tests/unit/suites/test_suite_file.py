"""Suite files: what is read, and how a fault is told."""

from __future__ import annotations

import datetime as dt

import pytest

from expectations.errors import SuiteError
from expectations.suite import Suite
from expectations.suite_file import load_suite

BATCH = {"batch_date": dt.date(2010, 1, 4)}


def read(*expectations: str, head: str = "") -> Suite:
    listed = "\n".join(f"  - {{{entry}}}" for entry in expectations)
    return load_suite(f"{head}expectations:\n{listed}\n", "shop/lines.yaml", BATCH)


def fault(*expectations: str, head: str = "") -> SuiteError:
    with pytest.raises(SuiteError) as caught:
        read(*expectations, head=head)
    return caught.value


def test_an_expectation_is_critical_and_stops_the_night_unless_it_says_otherwise() -> None:
    suite = read("type: expect_column_values_to_not_be_null, column: a")
    (expectation,) = suite.expectations
    assert (expectation.severity, expectation.on_failure) == ("critical", "stop")
    assert expectation.where == "shop/lines.yaml:2"
    assert expectation.columns == ("a",)


def test_a_warning_is_recorded() -> None:
    suite = read("type: expect_column_values_to_not_be_null, column: a, severity: warning")
    assert suite.expectations[0].on_failure == "record"


def test_rows_are_told_the_reason_given_or_else_the_expectation() -> None:
    suite = read(
        "type: expect_column_values_to_not_be_null, column: a, on_failure: quarantine",
        "type: expect_column_values_to_not_be_null, column: a, reason: no name",
    )
    assert [e.reason for e in suite.expectations] == [
        "expect_column_values_to_not_be_null(a)",
        "no name",
    ]


def test_parameters_stand_for_values_and_dates_take_spans() -> None:
    suite = read(
        "type: expect_column_values_to_be_between, column: t, min_value: $batch_date,"
        " max_value: $batch_date + 1d",
        "type: expect_column_values_to_be_between, column: t, min_value: $batch_date - 12h",
        "type: expect_column_values_to_be_in_set, column: c, value_set: $colours",
        "type: expect_column_values_to_be_in_set, column: c, value_set: [$batch_date, $$x]",
        head="parameters: {colours: [red, blue]}\n",
    )
    whole, part, listed, mixed = (e.arguments for e in suite.expectations)
    assert (whole["min_value"], whole["max_value"]) == (dt.date(2010, 1, 4), dt.date(2010, 1, 5))
    assert part["min_value"] == dt.datetime(2010, 1, 3, 12)
    assert listed["value_set"] == ["red", "blue"]
    assert mixed["value_set"] == [dt.date(2010, 1, 4), "$x"]


def test_given_parameters_win_over_those_of_the_file() -> None:
    suite = load_suite(
        "parameters: {most: 3}\nexpectations:\n"
        "  - {type: expect_table_row_count_to_equal, value: $most}\n",
        "s.yaml",
        {"most": 5},
    )
    assert suite.expectations[0].arguments == {"value": 5}


@pytest.mark.parametrize(
    ("entry", "key", "found"),
    [
        (
            "type: expect_column_values_to_not_be_nul, column: a",
            "type",
            "did you mean 'expect_column_values_to_not_be_null'",
        ),
        (
            "type: expect_column_values_to_be_between, column: a, min_vlaue: 1",
            "min_vlaue",
            "did you mean 'min_value'",
        ),
        (
            "type: expect_column_values_to_be_null, column: a, severity: critcal",
            "severity",
            "did you mean 'critical'",
        ),
        (
            "type: expect_column_mean_to_be_between, column: a, min_value: 1,"
            " on_failure: quarantine",
            "on_failure",
            "judges the table",
        ),
        (
            "type: expect_column_values_to_be_null, column: a, severity: info, on_failure: stop",
            "on_failure",
            "'stop'",
        ),
        ("type: expect_column_values_to_be_between, column: a, min_value: [1]", "min_value", "[1]"),
        ("type: expect_column_values_to_be_null, column: a, mostly: 1.2", "mostly", "1.2"),
        (
            "type: expect_table_row_count_to_equal, value: $batch_dat",
            "value",
            "did you mean 'batch_date'",
        ),
        (
            "type: expect_table_row_count_to_equal, value: $n + 1d",
            "value",
            "$n",
        ),
        (
            "type: expect_column_values_to_be_null, column: a, row_condition: 'a ='",
            "row_condition",
            "a =",
        ),
        ("type: expect_column_values_to_be_null, kwargs: {column: a}", "kwargs", "kwargs"),
        ("type: expect_column_values_to_be_null, column: a, notes: [1]", "notes", "[1]"),
    ],
)
def test_a_fault_names_the_line_the_key_and_what_was_found(
    entry: str, key: str, found: str
) -> None:
    error = fault("type: expect_column_values_to_not_be_null, column: a", entry)
    assert error.where == f"shop/lines.yaml:3 (expectations.1.{key})"
    assert found in error.found


@pytest.mark.parametrize(
    ("entry", "required"),
    [
        ("column: a", "the key 'type'"),
        ("type: expect_column_values_to_be_null", "the argument 'column'"),
        (
            "type: expect_column_values_to_be_between, column: a",
            "expect_column_values_to_be_between",
        ),
    ],
)
def test_what_is_missing_is_told_at_the_expectation(entry: str, required: str) -> None:
    error = fault(entry)
    assert error.where == "shop/lines.yaml:2 (expectations.0)"
    assert required in error.required


def test_all_faults_are_told_at_once() -> None:
    error = fault("type: expect_x", "type: expect_column_values_to_be_null, column: a", "type: y")
    assert error.where.startswith("shop/lines.yaml:2 ")
    assert "and 1 more" in error.found
    assert "shop/lines.yaml:4 " in error.found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "an empty file"),
        ("- a", "a list"),
        ("expectations: {}", "dict"),
        ("expectation: []", "the key 'expectation'"),
        ("expectations: []\nexpectations: []", "twice"),
        ("expectations: [", "expected"),
        ("expectations: [a]", "'a'"),
    ],
)
def test_a_text_that_is_no_suite_is_refused(text: str, found: str) -> None:
    with pytest.raises(SuiteError) as caught:
        load_suite(text, "s.yaml", {})
    assert found in caught.value.found


def test_a_column_the_table_lacks_is_named_with_its_line_and_the_nearest() -> None:
    suite = read(
        "type: expect_table_columns_to_match_set, column_set: [x]",
        "type: expect_column_to_exist, column: x",
        "type: expect_column_values_to_be_null, column: price, row_condition: amout > 1",
    )
    with pytest.raises(SuiteError) as caught:
        suite.check_columns(["price", "amount"])
    assert caught.value.where.startswith("shop/lines.yaml:4")
    assert "'amout'; did you mean 'amount'" in caught.value.found
