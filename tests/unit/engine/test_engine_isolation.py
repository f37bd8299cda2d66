"""One expectation that cannot be made stops no other, and nothing is remembered between runs."""

from __future__ import annotations

from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pytest
from great_expectations.expectations.expectation import Expectation

import expectations.engine
from expectations.engine import validate
from expectations.engine.memo import remembering
from tests.unit.engine import cases, frames

SOUND = gxe.ExpectColumnValuesToNotBeNull(column="id")


def _drift(column: str, **kw: Any) -> Expectation:
    return gxe.ExpectColumnKLDivergenceToBeLessThan(column=column, threshold=0.1, **kw)


def _suite(*checks: Expectation) -> gx.ExpectationSuite:
    suite = gx.ExpectationSuite("suite")
    suite.expectations = list(checks)
    return suite


def _message(result: Any) -> str:
    info = result.exception_info
    entry = info if "exception_message" in info else next(iter(info.values()))
    return str(entry["exception_message"])


@pytest.mark.parametrize(
    ("check", "cause"),
    [
        (_drift("word"), "numbers"),
        (_drift("level"), "numbers"),
        (_drift("day"), "numbers"),
        (_drift("nowhere"), '"nowhere" in BatchData does not exist'),
        (_drift("nowhere", bucketize_data=False), '"nowhere" in BatchData does not exist'),
        (_drift("other", partition_object={"bins": [0, 1]}), "Invalid partition_object"),
    ],
    ids=["text", "category", "date", "no column", "no column to count", "no weights"],
)
def test_drift_that_cannot_be_computed_fails_alone(check: Expectation, cause: str) -> None:
    frame = frames.in_polars(frames.mixed())
    failed, sound = validate(frame, _suite(check, SOUND)).results
    assert sound.success
    assert not failed.success
    assert cause in _message(failed)
    assert failed.expectation_config is not None
    assert failed.expectation_config.kwargs["column"] == check.configuration.kwargs["column"]


def test_drift_fails_alone_in_a_batch_of_a_datasource_too() -> None:
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_polars("lake").add_frame_asset("rows")  # type: ignore[attr-defined]
    frame = frames.in_polars(frames.mixed())
    batch = asset.add_batch_definition("all").get_batch({"dataframe": frame})
    found = batch.validate(_suite(_drift("word"), SOUND), result_format="BASIC")
    assert sorted(bool(result.success) for result in found.results) == [False, True]


def test_drift_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    assert validate(frames.in_polars(frames.mixed()), _suite(_drift("other"))).success
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""


def test_an_expectation_changes_between_validations() -> None:
    check = gxe.ExpectColumnMaxToBeBetween(column="id", max_value=10)
    suite = _suite(check)
    frame = frames.in_polars(frames.mixed())
    assert not validate(frame, suite).success
    check.max_value = 1000
    assert validate(frame, suite).success


def test_results_hold_the_expectations_as_they_were_written() -> None:
    checks = [*cases.row_rules(), *cases.aggregates()]
    written = [check.configuration.kwargs for check in checks]
    results = validate(frames.in_polars(frames.mixed()), _suite(*checks)).results
    found = [result.expectation_config.kwargs for result in results]  # type: ignore[union-attr]
    assert [{k: v for k, v in kwargs.items() if k != "batch_id"} for kwargs in found] == written


def test_each_block_and_each_object_is_remembered_for_itself() -> None:
    one, other = (gxe.ExpectColumnValuesToBeNull(column=name) for name in ("a", "b"))
    with remembering():
        assert one.configuration is one.configuration
        assert one.configuration.to_domain_obj() is one.configuration.to_domain_obj()
        assert one.configuration != other.configuration
        with remembering():
            inner = one.configuration
        assert inner is not one.configuration
    assert one.configuration is not one.configuration


def test_registering_twice_changes_nothing() -> None:
    before = gx.expectations.Expectation.configuration
    expectations.engine.register()
    assert gx.expectations.Expectation.configuration is before
