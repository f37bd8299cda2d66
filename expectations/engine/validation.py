"""A suite over a frame in one call, without a context, a datasource or a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import great_expectations as gx
import polars as pl
from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.core.result_format import ResultFormat
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.validator.validation_statistics import calc_validation_statistics
from great_expectations.validator.validator import Validator

from expectations.engine.engine import PolarsExecutionEngine

NO_RAW_VALUES: Final[Mapping[str, Any]] = MappingProxyType(
    {"result_format": ResultFormat.SUMMARY.value, "partial_unexpected_count": 0}
)
_BATCH_ID = "frame"


class _FrameValidator(Validator):
    """A validator of one frame that belongs to no context."""

    def __init__(self, frame: pl.LazyFrame) -> None:
        engine = PolarsExecutionEngine()
        engine.load_batch_data(_BATCH_ID, frame)
        super().__init__(execution_engine=engine)
        self._active_batch_id = _BATCH_ID

    def _determine_progress_bars(self) -> bool:
        return False


def validate(
    frame: pl.LazyFrame | pl.DataFrame,
    suite: gx.ExpectationSuite,
    *,
    result_format: Mapping[str, Any] | str = NO_RAW_VALUES,
    parameters: Mapping[str, Any] | None = None,
) -> ExpectationSuiteValidationResult:
    """Validate a frame.

    Args:
        frame: the rows; a lazy frame is read once, and again for the rows that break a rule where
            the result format shows any.
        suite: the expectations.
        result_format: what the results hold, by default counts and no raw value of the frame.
        parameters: the values of the suite's `$PARAMETER`s.

    Returns:
        The results, in the order of the suite. A check that could not be made has
        `exception_info` and no success; it does not touch the others.
    """
    validator = _FrameValidator(frame.lazy())
    checks = suite.expectation_configurations
    ids = [check.id for check in checks]
    for position, check in enumerate(checks):
        check.id = str(position)
    chosen = result_format if isinstance(result_format, str) else dict(result_format)
    results = validator.graph_validate(
        configurations=validator.process_expectations_for_validation(
            checks, dict(parameters or {})
        ),
        runtime_configuration={"result_format": chosen},
    )
    return _suite_result(suite.name, _in_order(results, ids))


def _in_order(
    results: list[ExpectationValidationResult], ids: list[Any]
) -> list[ExpectationValidationResult]:
    """Undo the grouping by column and failure, and give the checks back their own ids."""
    ordered = sorted(results, key=lambda result: int(_check(result).id or 0))
    for result in ordered:
        check = _check(result)
        check.id = ids[int(check.id or 0)]
    return ordered


def _check(result: ExpectationValidationResult) -> ExpectationConfiguration:
    check = result.expectation_config
    if check is None:
        raise TypeError("A validation result without its expectation cannot be placed.")
    return check


def _suite_result(
    name: str, results: list[ExpectationValidationResult]
) -> ExpectationSuiteValidationResult:
    counts = calc_validation_statistics(results)
    return ExpectationSuiteValidationResult(
        results=results,
        success=counts.success,
        suite_name=name,
        statistics={
            "evaluated_expectations": counts.evaluated_expectations,
            "successful_expectations": counts.successful_expectations,
            "unsuccessful_expectations": counts.unsuccessful_expectations,
            "success_percent": counts.success_percent,
        },
        meta={"great_expectations_version": gx.__version__},
        batch_id=_BATCH_ID,
    )
