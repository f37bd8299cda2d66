"""The one place where metrics are entered into Great Expectations' registry.

The registry's public decorators know only pandas, SQL and Spark. It finds a provider by the name
of the engine's class, so providers are entered directly, with the argument names that the stock
metric of the same name declares.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from great_expectations.core.metric_function_types import MetricFunctionTypes
from great_expectations.expectations import registry

from expectations.engine.domain import Domain

Provider = Callable[[Domain], Any]

_providers: dict[str, Provider] = {}


def provides(*names: str) -> Callable[[Provider], Provider]:
    """Mark a function as the provider of metrics.

    Args:
        names: the metrics, by their Great Expectations names.

    Returns:
        A decorator; the function gets a `Domain` and returns the value, or a plan for it.
    """

    def mark(provider: Provider) -> Provider:
        _providers.update(dict.fromkeys(names, provider))
        return provider

    return mark


def declared_keys(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The domain and value arguments that the stock metric declares, empty for an unknown one."""
    known = registry._registered_metrics.get(name, {})
    return (
        tuple(known.get("metric_domain_keys", ())),
        tuple(known.get("metric_value_keys", ())),
    )


class _IndependentMetric:
    """What the validation graph asks of a metric class.

    No metric depends on another one, so a whole suite reaches the engine in one call and is
    planned as one query.
    """

    default_kwarg_values: ClassVar[dict[str, Any]] = {}
    domain_keys: ClassVar[tuple[str, ...]] = ()
    value_keys: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def get_evaluation_dependencies(cls, *_: Any, **__: Any) -> dict[str, Any]:
        return {}


def enter_providers(engine: type) -> None:
    """Enter every marked provider into the registry; entering twice changes nothing.

    Args:
        engine: the execution engine that runs them.
    """
    for name, provider in _providers.items():
        entered = registry._registered_metrics.get(name, {}).get("providers", {})
        if engine.__name__ not in entered:
            _enter(engine, name, provider)


def _enter(engine: type, name: str, provider: Provider) -> None:
    domain_keys, value_keys = declared_keys(name)
    defaults = registry._registered_metrics.get(name, {}).get("default_kwarg_values", {})
    metric = type(
        "PolarsMetric",
        (_IndependentMetric,),
        {"default_kwarg_values": defaults, "domain_keys": domain_keys, "value_keys": value_keys},
    )
    registry.register_metric(
        metric_name=name,
        metric_domain_keys=domain_keys,
        metric_value_keys=value_keys,
        execution_engine=engine,
        metric_class=metric,
        metric_provider=provider,
        metric_fn_type=MetricFunctionTypes.VALUE,
    )
