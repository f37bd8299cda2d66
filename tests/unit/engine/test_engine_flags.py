"""Row flags mark exactly the rows that a validation counts as unexpected."""

from __future__ import annotations

import great_expectations as gx
import great_expectations.expectations as gxe
import polars as pl
import pytest
from great_expectations.expectations.expectation import Expectation

from expectations.engine import UnsupportedExpectationError, flag_rows, validate
from tests.unit.engine import cases, frames


def _broken_positions(frame: pl.DataFrame, checks: list[Expectation]) -> list[list[int]]:
    suite = gx.ExpectationSuite("rows")
    suite.expectations = checks
    results = validate(frame, suite, result_format="COMPLETE").results
    return [result.result["unexpected_index_list"] for result in results]


def _flagged_positions(
    frame: pl.DataFrame, checks: list[Expectation], engine: str
) -> list[list[int]]:
    labels = [str(i) for i in range(len(checks))]
    flags = flag_rows(frame.with_row_index("at"), checks, labels=labels)
    marked = flags.frame.filter(flags.is_flagged()).select("at", why=flags.reasons())
    rows = marked.collect(engine=engine).rows()  # type: ignore[call-overload]
    return [sorted(at for at, why in rows if label in why) for label in labels]


@pytest.mark.parametrize("content", ["mixed", "empty", "all_null"])
@pytest.mark.parametrize("engine", ["streaming", "in-memory"])
def test_flags_are_the_unexpected_rows_of_every_rule(content: str, engine: str) -> None:
    frame = frames.in_polars(getattr(frames, content)())
    checks = [*cases.row_rules(), *cases.pair_sets()]
    assert len(checks) > 64
    assert _flagged_positions(frame, checks, engine) == _broken_positions(frame, checks)


@pytest.mark.parametrize("name", cases.CONDITIONS)
def test_flags_follow_row_conditions(name: str) -> None:
    frame = frames.in_polars(frames.mixed())
    rules = [*cases.brief(row_condition=cases.CONDITIONS[name])]
    checks = [rule for rule in rules if hasattr(rule, "map_metric")]
    assert _flagged_positions(frame, checks, "streaming") == _broken_positions(frame, checks)


def test_reasons_come_in_the_order_of_the_expectations() -> None:
    frame = pl.DataFrame({"a": [1, 5, None]})
    flags = flag_rows(
        frame,
        [
            gxe.ExpectColumnValuesToBeBetween(column="a", max_value=2),
            gxe.ExpectColumnValuesToBeInSet(column="a", value_set=[1]),
            gxe.ExpectColumnValuesToNotBeNull(column="a"),
        ],
        labels=["small", "known", "present"],
    )
    reasons = flags.frame.select(flags.reasons().alias("why")).collect().to_series().to_list()
    assert reasons == [[], ["small", "known"], ["present"]]


def test_rows_pass_where_no_expectation_is_given() -> None:
    flags = flag_rows(pl.DataFrame({"a": [1]}), [])
    shown = flags.frame.select(flags.is_flagged().alias("bad"), why=flags.reasons()).collect()
    assert shown.rows() == [(False, [])]


def test_labels_name_type_and_columns_by_default() -> None:
    check = gxe.ExpectCompoundColumnsToBeUnique(column_list=["a", "b"])
    flags = flag_rows(pl.DataFrame({"a": [1], "b": [2]}), [check])
    assert flags.labels == ("expect_compound_columns_to_be_unique(a, b)",)


@pytest.mark.parametrize(
    "check",
    [
        gxe.ExpectColumnMeanToBeBetween(column="a", min_value=0),
        gxe.ExpectTableRowCountToEqual(value=1),
        gxe.ExpectColumnValuesToBeOfType(column="a", type_="Int64"),
        gxe.UnexpectedRowsExpectation(unexpected_rows_query="SELECT * FROM {batch}"),
        gxe.ExpectColumnValuesToMatchRegex(column="a", regex="a(?=b)"),
        gxe.ExpectColumnValuesToBeBetween(column="nowhere", min_value=0),
        gxe.ExpectColumnValuesToBeBetween(column="a", min_value="2024-01-01"),
        gxe.ExpectColumnValuesToBeBetween(column="a", min_value={"$PARAMETER": "least"}),
    ],
    ids=lambda check: check.expectation_type,
)
def test_what_cannot_be_flagged_raises_and_is_named(check: Expectation) -> None:
    with pytest.raises(UnsupportedExpectationError, match=check.expectation_type):
        flag_rows(pl.DataFrame({"a": [1]}), [check])


def test_too_few_labels_raise() -> None:
    with pytest.raises(ValueError, match="1 expectations need as many labels, found 0"):
        flag_rows(pl.DataFrame({"a": [1]}), [gxe.ExpectColumnValuesToBeNull(column="a")], labels=[])
