"""Makes Great Expectations know the engine."""

from __future__ import annotations

from great_expectations.expectations import registry

# the registry must know the stock metrics before their names and arguments are looked up
registry.register_core_metrics()
registry.register_core_expectations()

from expectations.engine import (  # noqa: E402, F401 - each module marks its providers
    aggregates,
    distinct,
    distributions,
    map_metrics,
    queries,
    table_metrics,
)
from expectations.engine.engine import PolarsExecutionEngine  # noqa: E402
from expectations.engine.isolation import teach_validator  # noqa: E402
from expectations.engine.memo import teach_memory  # noqa: E402
from expectations.engine.registration import enter_providers  # noqa: E402
from expectations.engine.types import teach_type_expectations  # noqa: E402


def register() -> None:
    """Enter the metrics and teach Great Expectations; doing so again changes nothing.

    The datasource enters itself when its module is imported, which must happen before a context
    is made.
    """
    enter_providers(PolarsExecutionEngine)
    teach_type_expectations()
    teach_memory()
    teach_validator()
