"""Lets an expectation that Great Expectations stumbles over fail by itself.

Some expectations compute while the suite is still being planned, outside of what the validator
catches: one of them on an unsuitable column would end the validation of all the others.
"""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any

from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.validator.exception_info import ExceptionInfo
from great_expectations.validator.validation_graph import ValidationGraph
from great_expectations.validator.validator import Validator

from expectations.engine.engine import PolarsExecutionEngine
from expectations.engine.memo import remembering

_Planned = tuple[list[Any], list[ExpectationValidationResult], list[ExpectationConfiguration]]
_PLAN = "_generate_metric_dependency_subgraphs_for_each_expectation_configuration"


def teach_validator() -> None:
    """Plan each expectation by itself where the engine is Polars; others see no change."""
    if hasattr(Validator.graph_validate, "isolates"):
        return
    Validator.graph_validate = _with_memory(Validator.graph_validate)  # type: ignore[method-assign]
    ValidationGraph.resolve = _in_silence(ValidationGraph.resolve)  # type: ignore[method-assign]
    setattr(Validator, _PLAN, _one_by_one(getattr(Validator, _PLAN)))


def _with_memory(stock: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(stock)
    def graph_validate(self: Validator, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(self.execution_engine, PolarsExecutionEngine):
            return stock(self, *args, **kwargs)
        with remembering():
            return stock(self, *args, **kwargs)

    graph_validate.isolates = True  # type: ignore[attr-defined]
    return graph_validate


def _in_silence(stock: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(stock)
    def resolve(self: ValidationGraph, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self._execution_engine, PolarsExecutionEngine):
            # everything is resolved in one step, whose progress tells nothing
            kwargs["show_progress_bars"] = False
        return stock(self, *args, **kwargs)

    return resolve


def _one_by_one(stock: Callable[..., _Planned]) -> Callable[..., _Planned]:
    @wraps(stock)
    def plan(
        self: Validator,
        expectation_configurations: list[ExpectationConfiguration],
        processed_configurations: list[ExpectationConfiguration],
        catch_exceptions: bool,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> _Planned:
        engine = self.execution_engine
        if not (catch_exceptions and isinstance(engine, PolarsExecutionEngine)):
            return stock(
                self,
                expectation_configurations,
                processed_configurations,
                catch_exceptions,
                runtime_configuration,
            )
        graphs: list[Any] = []
        results: list[ExpectationValidationResult] = []
        for configuration in expectation_configurations:
            try:
                planned = stock(
                    self, [configuration], processed_configurations, True, runtime_configuration
                )
            except Exception as error:  # noqa: BLE001 - kept as the result of this expectation
                results.append(_failure(configuration, engine.cause_of(error)))
            else:
                graphs += planned[0]
                results += planned[1]
        return graphs, results, processed_configurations

    return plan


def _failure(
    configuration: ExpectationConfiguration, error: Exception
) -> ExpectationValidationResult:
    return ExpectationValidationResult(
        success=False,
        exception_info=ExceptionInfo(
            exception_traceback="".join(traceback.format_exception(error)),
            exception_message=str(error),
        ),
        expectation_config=copy.deepcopy(configuration),
    )
