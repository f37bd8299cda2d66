"""Checking a frame: plain results, references, history, and nothing of a row in them."""

from __future__ import annotations

import polars as pl
import pytest

from expectations.check import REASONS, Surroundings, check, split
from expectations.errors import SuiteError
from expectations.suite import Suite
from expectations.suite_file import load_suite

ORDERS = pl.LazyFrame(
    {
        "id": [1, 2, 3, 4],
        "product": ["p1", "p9", None, "p2"],
        "price": [1.0, -5.0, None, 12.0],
        "_line": [1, 2, 3, 4],
    }
)
PRODUCTS = {"products": pl.LazyFrame({"code": ["p1", "p2", "p2", None]})}


def suite(*entries: str) -> Suite:
    return load_suite(
        "expectations:\n" + "\n".join(f"  - {{{entry}}}" for entry in entries), "s.yaml", {}
    )


REFERENCE = "type: expect_column_values_to_exist_in_table, column: product, table: products"


def test_results_come_in_the_order_of_the_suite_with_counts() -> None:
    results = check(
        ORDERS,
        suite(
            "type: expect_column_values_to_be_between, column: price, min_value: 0",
            f"{REFERENCE}, key: code",
            "type: expect_table_row_count_to_equal, value: 4",
            "type: expect_column_values_to_be_between, column: price, min_value: 0",
        ),
        Surroundings(PRODUCTS),
    )
    told = [(r.success, r.element_count, r.unexpected_count, r.observed) for r in results]
    assert told == [
        (False, 4, 1, ""),
        (False, 4, 1, ""),
        (True, None, None, "4"),
        (False, 4, 1, ""),
    ]
    assert results[1].unexpected_percent == pytest.approx(100 / 3)


def test_rows_are_split_with_every_reason_and_keep_their_order_and_columns() -> None:
    parts = split(
        ORDERS,
        suite(
            f"{REFERENCE}, key: code, on_failure: quarantine, reason: unknown product",
            "type: expect_column_values_to_be_between, column: price, min_value: 0,"
            " on_failure: quarantine, reason: negative price, mostly: 0.1",
            "type: expect_column_values_to_be_between, column: price, max_value: 2",
        ),
        Surroundings(PRODUCTS),
    )
    assert parts.passed.collect().equals(ORDERS.filter(pl.col("id") != 2).collect())
    held = parts.held.select("id", REASONS).collect()
    assert held.rows() == [(2, ["negative price", "unknown product"])]


def test_nothing_is_split_off_where_nothing_holds_rows_back() -> None:
    parts = split(ORDERS, suite("type: expect_column_values_to_be_null, column: id"))
    assert parts.passed.collect().equals(ORDERS.collect())
    assert parts.held.collect().height == 0


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("table: product, key: code", "did you mean 'products'"),
        ("table: products, key: cod", "did you mean 'code'"),
    ],
)
def test_a_reference_to_nowhere_is_a_fault_of_the_suite(reference: str, found: str) -> None:
    broken = suite(f"type: expect_column_values_to_exist_in_table, column: product, {reference}")
    with pytest.raises(SuiteError) as caught:
        check(ORDERS, broken, Surroundings(PRODUCTS))
    assert found in caught.value.found
    assert caught.value.where.startswith("s.yaml:2")


def test_only_recorded_references_can_be_left_out() -> None:
    both = suite(f"{REFERENCE}, key: code, severity: warning", f"{REFERENCE}, key: code")
    assert both.tables_needed == {"products"}
    left = both.without_references_to(["products"]).expectations
    assert [e.severity for e in left] == ["critical"]


@pytest.mark.parametrize(
    ("tables", "found"),
    [({"product": ["code"]}, "did you mean 'product'"), ({"products": ["cod"]}, "mean 'cod'")],
)
def test_references_are_checked_against_what_is_declared(
    tables: dict[str, list[str]], found: str
) -> None:
    refers = suite("type: expect_table_row_count_to_equal, value: 1", f"{REFERENCE}, key: code")
    refers.check_references({"products": ["code"]})
    with pytest.raises(SuiteError) as caught:
        refers.check_references(tables)
    assert found in caught.value.found
    assert caught.value.where.startswith("s.yaml:3")


def test_a_reference_between_types_is_a_fault_of_the_suite() -> None:
    numbers = {"products": pl.LazyFrame({"code": [1]})}
    with pytest.raises(SuiteError, match="Int64"):
        check(ORDERS, suite(f"{REFERENCE}, key: code"), Surroundings(numbers))


@pytest.mark.parametrize(
    ("row_counts", "success"),
    [
        ((), True),
        ((100, 100), True),
        ((4, 5, 3), True),
        ((100, 90, 110), False),
        ((1, 1, 1), False),
    ],
)
def test_the_row_count_is_held_against_the_median_once_enough_nights_are_known(
    row_counts: tuple[int, ...], success: bool
) -> None:
    (result,) = check(
        ORDERS,
        suite("type: expect_table_row_count_to_match_history, min_nights: 3"),
        Surroundings(row_counts=row_counts),
    )
    assert result.success is success
    assert result.observed.startswith("4 rows")


def test_values_of_rows_are_withheld_and_figures_of_the_table_are_shown() -> None:
    results = check(
        ORDERS,
        suite(
            "type: expect_column_max_to_be_between, column: price, max_value: 5",
            "type: expect_column_median_to_be_between, column: price, max_value: 5",
            "type: expect_column_mean_to_be_between, column: price, max_value: 5",
            "type: expect_column_type_to_be, column: price, type_: Float64",
            "type: expect_table_columns_to_match_set, column_set: [id, product, price, _line]",
        ),
    )
    assert [r.observed for r in results] == [
        "withheld: a value of rows",
        "withheld: a value of rows",
        "2.66667",
        "Float64",
        "_line, id, price, product",
    ]


def test_a_check_that_cannot_be_made_says_why_and_is_no_success() -> None:
    (by_type, by_pattern) = check(
        ORDERS,
        suite(
            "type: expect_column_mean_to_be_between, column: product, min_value: 0",
            "type: expect_column_values_to_match_regex, column: product, regex: '(?=a)'",
        ),
    )
    assert not by_type.success
    assert "str" in by_type.error
    assert "look-around" in by_pattern.error


def test_a_message_that_only_rows_provoke_is_not_kept() -> None:
    (result,) = check(
        pl.LazyFrame({"text": ["canary-4711"]}),
        suite(
            "type: unexpected_rows_expectation, unexpected_rows_query:"
            " 'select cast(text as integer) from {batch}'"
        ),
    )
    assert not result.success
    assert result.error
    assert "canary" not in str(result)
