"""The execution engine: loads batches, and resolves all metrics of a suite together."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import polars as pl
from great_expectations.core.batch import BatchData, BatchMarkers
from great_expectations.core.batch_spec import PathBatchSpec, RuntimeDataBatchSpec
from great_expectations.exceptions.exceptions import (
    BatchSpecError,
    ExecutionEngineError,
    MetricResolutionError,
)
from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.expectations import registry
from great_expectations.validator.metric_configuration import (
    MetricConfiguration,
    MetricConfigurationID,
)

from expectations.engine.batch import PolarsBatchData
from expectations.engine.conditions import translate
from expectations.engine.domain import Domain
from expectations.engine.plan import Query, Reduction, Sample
from expectations.engine.resolver import compute


class PolarsExecutionEngine(ExecutionEngine[pl.Expr]):
    """Computes expectations on Polars frames.

    One engine serves one batch: the datasource makes one for each, so that validations in several
    threads never read each other's rows.

    Args:
        nan_as_null: floating NaN counts as missing, as on pandas.
        streaming: compute in Polars' streaming engine, in constant memory where it can.
        kwargs: what every execution engine takes.
    """

    def __init__(
        self, *args: Any, nan_as_null: bool = True, streaming: bool = True, **kwargs: Any
    ) -> None:
        self.nan_as_null = nan_as_null
        self.collect_engine: Literal["streaming", "in-memory"] = (
            "streaming" if streaming else "in-memory"
        )
        self._lock = threading.RLock()
        self._values: dict[MetricConfigurationID, Any] = {}
        self._errors: dict[MetricConfigurationID, Exception] = {}
        super().__init__(*args, **kwargs)

    def load_batch_data(self, batch_id: str, batch_data: Any) -> None:
        """Make a batch known to the engine.

        Args:
            batch_id: its name; a later batch of the same name replaces it.
            batch_data: a frame, or batch data made by an engine of this class.
        """
        if isinstance(batch_data, pl.DataFrame | pl.LazyFrame):
            batch_data = PolarsBatchData(self, batch_data.lazy())
        if not isinstance(batch_data, PolarsBatchData):
            raise ExecutionEngineError(
                f"PolarsExecutionEngine needs a Polars frame, found {type(batch_data).__name__}."
            )
        with self._lock:
            # names of batches repeat between runs, and what was computed goes by the name
            self._values.clear()
            self._errors.clear()
            super().load_batch_data(batch_id=batch_id, batch_data=batch_data)

    def get_batch_data_and_markers(self, batch_spec: Any) -> tuple[BatchData, BatchMarkers]:
        """Open what a batch specification describes.

        Args:
            batch_spec: a frame (`RuntimeDataBatchSpec`) or Parquet paths (`PathBatchSpec`).

        Returns:
            The batch, and when it was opened.

        Raises:
            BatchSpecError: the specification is of another kind, or holds no Polars frame.
        """
        if isinstance(batch_spec, RuntimeDataBatchSpec):
            frame = batch_spec.batch_data
            batch_spec.batch_data = "PolarsLazyFrame"
        elif isinstance(batch_spec, PathBatchSpec):
            read = getattr(pl, batch_spec.reader_method)
            frame = read(batch_spec["path"], **(batch_spec.reader_options or {}))
        else:
            raise BatchSpecError(f"Polars cannot read a {type(batch_spec).__name__}.")
        if not isinstance(frame, pl.DataFrame | pl.LazyFrame):
            raise BatchSpecError(f"A Polars frame is needed, found {type(frame).__name__}.")
        now = dt.datetime.now(dt.UTC)  # noqa: TID251 - a batch marker is the time of opening
        opened_at = now.strftime("%Y%m%dT%H%M%S.%fZ")
        return PolarsBatchData(self, frame.lazy()), BatchMarkers({"ge_load_time": opened_at})

    def domain(self, kwargs: Mapping[str, Any], values: Mapping[str, Any]) -> Domain:
        """Build what a metric sees.

        Args:
            kwargs: the domain arguments, with the batch's id.
            values: the other arguments.

        Raises:
            ExecutionEngineError: the batch is unknown.
        """
        batch = self._batch(kwargs)
        return Domain(batch.frame, batch.schema, kwargs, values, nan_is_null=self.nan_as_null)

    def _batch(self, kwargs: Mapping[str, Any]) -> PolarsBatchData:
        batch_id = kwargs.get("batch_id") or self.batch_manager.active_batch_data_id
        loaded: Mapping[Any, Any] = self.batch_manager.batch_data_cache
        if batch_id not in loaded:
            raise ExecutionEngineError(f"Unable to find batch with batch_id {batch_id}")
        batch: PolarsBatchData = loaded[batch_id]
        return batch

    def _filter_clause(self, condition: Any) -> pl.Expr:
        return translate(condition, self.domain({}, {}))

    _comparison_condition_to_filter_clause = _filter_clause
    _nullity_condition_to_filter_clause = _filter_clause
    _and_condition_to_filter_clause = _filter_clause
    _or_condition_to_filter_clause = _filter_clause

    def get_domain_records(self, domain_kwargs: dict[str, Any]) -> pl.LazyFrame:
        """The rows that a domain speaks of."""
        return self.domain(domain_kwargs, {}).records()

    def get_compute_domain(
        self, domain_kwargs: dict[str, Any], domain_type: Any, accessor_keys: Any = None
    ) -> tuple[pl.LazyFrame, dict[str, Any], dict[str, Any]]:
        """The rows of a domain, with its arguments split as Great Expectations splits them."""
        split = self._partition_domain_kwargs(domain_kwargs, domain_type, accessor_keys)
        return self.get_domain_records(domain_kwargs), split.compute, split.accessor

    def resolve_metrics(
        self,
        metrics_to_resolve: Iterable[MetricConfiguration],
        metrics: dict[MetricConfigurationID, Any] | None = None,  # noqa: ARG002
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> dict[MetricConfigurationID, Any]:
        """Compute metrics together.

        Args:
            metrics_to_resolve: all metrics of a suite, since none depends on another.
            metrics: not used, for the same reason.
            runtime_configuration: not used.

        Returns:
            The value of each metric.

        Raises:
            MetricResolutionError: one or several metrics fail for one reason, which it names.
                Great Expectations asks again for the rest; nothing is computed twice.
        """
        wanted = {metric.id: metric for metric in metrics_to_resolve}
        with self._lock:
            known = self._values.keys() | self._errors.keys()
            self._resolve({key: metric for key, metric in wanted.items() if key not in known})
            self._raise_one_failure(wanted)
            return {key: self._values[key] for key in wanted}

    def _resolve(self, metrics: dict[MetricConfigurationID, MetricConfiguration]) -> None:
        plans: dict[str | None, dict[Any, Any]] = {}
        for key, metric in metrics.items():
            try:
                _, provider = registry.get_metric_provider(metric.metric_name, self)
                kwargs, values = metric.metric_domain_kwargs, metric.metric_value_kwargs
                found = provider(self.domain(kwargs, values or {}))
            except Exception as error:  # noqa: BLE001 - raised for this metric alone
                self._errors[key] = error
                continue
            if isinstance(found, Reduction | Sample | Query):
                plans.setdefault(kwargs.get("batch_id"), {})[key] = found
            else:
                self._values[key] = found
        for batch_id, planned in plans.items():
            frame = self._batch({"batch_id": batch_id}).frame
            done, failed = compute(frame, planned, self.collect_engine)
            self._values |= {key: done[key] for key in planned if key in done}
            self._errors |= {key: failed[key] for key in planned if key in failed}

    def cause_of(self, error: Exception) -> Exception:
        """Name the metric's own failure behind the lookup of a metric that has no value.

        Args:
            error: what was raised where a metric was needed.
        """
        if not isinstance(error, KeyError):
            return error
        causes = (cause for key, cause in self._errors.items() if (key,) == error.args)
        return next(causes, error)

    def _raise_one_failure(
        self, wanted: Mapping[MetricConfigurationID, MetricConfiguration]
    ) -> None:
        failures = {key: str(self._errors[key]) for key in wanted if key in self._errors}
        if failures:
            # one message is reported for all metrics of an error, so each reason gets its own
            key, message = next(iter(failures.items()))
            failed = [wanted[other] for other, text in failures.items() if text == message]
            raise MetricResolutionError(message, failed) from self._errors[key]
