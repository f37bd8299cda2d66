"""The one-call validation: cheap, ordered, silent about values."""

from __future__ import annotations

import json
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import polars as pl
import pytest

from expectations.engine import NO_RAW_VALUES, validate
from tests.unit.engine import cases, frames

FRAME = pl.DataFrame({"a": [1, 2, 31337], "w": ["x", "s3cret", None]})


def _suite(*checks: Any) -> gx.ExpectationSuite:
    suite = gx.ExpectationSuite("suite")
    suite.expectations = list(checks)
    return suite


def test_results_come_in_the_order_of_the_suite() -> None:
    checks = [
        gxe.ExpectColumnValuesToBeBetween(column="a", max_value=5),
        gxe.ExpectColumnValuesToNotBeNull(column="nowhere"),
        gxe.ExpectTableRowCountToEqual(value=3),
        gxe.ExpectColumnValuesToNotBeNull(column="w"),
        gxe.ExpectColumnMaxToBeBetween(column="a", max_value=5),
    ]
    found = validate(FRAME, _suite(*checks))
    kinds = [result.expectation_config.type for result in found.results]  # type: ignore[union-attr]
    assert kinds == [check.expectation_type for check in checks]
    assert [result.success for result in found.results] == [False, False, True, False, False]
    assert found.statistics["evaluated_expectations"] == 5
    assert not found.success


def test_ids_of_the_suite_survive() -> None:
    check = gxe.ExpectColumnValuesToNotBeNull(column="w", id="mine")
    [result] = validate(FRAME, _suite(check)).results
    assert result.expectation_config is not None
    assert result.expectation_config.id == "mine"
    assert check.id == "mine"


def test_no_value_of_the_frame_leaks_by_default() -> None:
    found = validate(
        FRAME,
        _suite(
            gxe.ExpectColumnValuesToBeInSet(column="w", value_set=["x"]),
            gxe.ExpectColumnValuesToBeBetween(column="a", max_value=5),
            gxe.ExpectCompoundColumnsToBeUnique(column_list=["a", "w"]),
            gxe.ExpectColumnValuesToMatchRegex(column="w", regex="^x$"),
        ),
    )
    text = json.dumps(found.to_json_dict())
    assert "s3cret" not in text
    assert "31337" not in text
    assert found.results[0].result["unexpected_count"] == 1


def test_lazy_frames_are_read_once_where_no_values_are_asked_for() -> None:
    reads: list[int] = []

    def counted(rows: pl.DataFrame) -> pl.DataFrame:
        reads.append(len(rows))
        return rows

    checks = [
        gxe.ExpectColumnValuesToBeBetween(column="a", max_value=5),
        gxe.ExpectColumnMeanToBeBetween(column="a", max_value=5),
    ]
    validate(FRAME.lazy().map_batches(counted), _suite(*checks), result_format=NO_RAW_VALUES)
    assert len(reads) == 1


def test_suite_parameters_are_filled_in() -> None:
    check = gxe.ExpectColumnMaxToBeBetween(column="a", max_value={"$PARAMETER": "most"})
    assert validate(FRAME, _suite(check), parameters={"most": 31337}).success
    assert not validate(FRAME, _suite(check), parameters={"most": 5}).success


@pytest.mark.parametrize("severity", ["critical", "warning", "info"])
def test_the_severity_of_a_failure_is_kept(severity: str) -> None:
    check = gxe.ExpectColumnValuesToNotBeNull(column="w", severity=severity)
    worst = validate(FRAME, _suite(check)).get_max_severity_failure()
    assert worst is not None
    assert worst.value == severity


def test_a_suite_validates_nothing_out_of_an_empty_frame() -> None:
    found = validate(FRAME.clear(), _suite(gxe.ExpectColumnValuesToNotBeNull(column="a")))
    assert found.success


def test_validation_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    validate(FRAME, _suite(gxe.ExpectColumnValuesToNotBeNull(column="w")), result_format="BASIC")
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""


def test_results_of_every_kind_of_value_are_json() -> None:
    checks = [*cases.row_rules()][:45]
    found = validate(frames.in_polars(frames.mixed()), _suite(*checks), result_format="COMPLETE")
    assert len(json.dumps(found.to_json_dict())) > 10_000
