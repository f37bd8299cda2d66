"""The fluent datasource: `context.data_sources.add_polars(...)` and its assets."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Union

import polars as pl
from great_expectations.compatibility import pydantic
from great_expectations.core import IDDict
from great_expectations.core.batch import LegacyBatchDefinition
from great_expectations.core.batch_spec import PathBatchSpec, RuntimeDataBatchSpec
from great_expectations.core.id_dict import BatchSpec
from great_expectations.datasource.fluent.batch_identifier_util import make_batch_identifier
from great_expectations.datasource.fluent.batch_request import BatchRequest
from great_expectations.datasource.fluent.constants import _DATA_CONNECTOR_NAME
from great_expectations.datasource.fluent.interfaces import (
    Batch,
    DataAsset,
    Datasource,
)
from great_expectations.exceptions.exceptions import BuildBatchRequestError

from expectations.engine.engine import PolarsExecutionEngine

Options = dict[str, Any]


class _PolarsAsset(DataAsset):  # type: ignore[type-arg]
    """One batch for each request; the parameter of the request says which."""

    class Config:
        extra = pydantic.Extra.forbid

    _parameter: ClassVar[str]

    def _spec(self, options: Options) -> BatchSpec:
        raise NotImplementedError

    def test_connection(self) -> None:
        """Nothing is opened before a batch is asked for."""

    def get_batch_parameters_keys(
        self,
        partitioner: Any = None,  # noqa: ARG002
    ) -> tuple[str, ...]:
        """The parameters that a run may give."""
        return (self._parameter,)

    def build_batch_request(
        self, options: Options | None = None, batch_slice: Any = None, partitioner: Any = None
    ) -> BatchRequest[Any]:
        """A request for the batch of these parameters.

        Raises:
            BuildBatchRequestError: a parameter is unknown, or a slice or partitioner is given.
        """
        options = options or {}
        if not self._batch_parameters_are_valid(options, partitioner):
            raise BuildBatchRequestError(
                f"unknown parameters {sorted(set(options) - {self._parameter})}, "
                f"{self._parameter!r} is known."
            )
        if batch_slice is not None or partitioner is not None:
            raise BuildBatchRequestError("Polars assets take no batch_slice and no partitioner.")
        return BatchRequest(
            datasource_name=self.datasource.name, data_asset_name=self.name, options=options
        )

    def _validate_batch_request(self, batch_request: BatchRequest[Any]) -> None:
        self.build_batch_request(dict(batch_request.options))

    def get_batch_identifiers_list(self, batch_request: BatchRequest[Any]) -> list[Any]:
        """The identifiers of the one batch of a request."""
        return [IDDict(batch_request.options)]

    def get_batch(self, batch_request: BatchRequest[Any]) -> Batch:
        """Open the batch of a request, in an engine of its own."""
        self._validate_batch_request(batch_request)
        spec = self._spec(dict(batch_request.options))
        data, markers = self.datasource.new_engine().get_batch_data_and_markers(spec)
        return Batch(
            datasource=self.datasource,
            data_asset=self,
            batch_request=batch_request,
            data=data,
            batch_markers=markers,
            batch_spec=spec,
            batch_definition=LegacyBatchDefinition(
                datasource_name=self.datasource.name,
                data_connector_name=_DATA_CONNECTOR_NAME,
                data_asset_name=self.name,
                batch_identifiers=make_batch_identifier(batch_request.options),
                batch_spec_passthrough=None,
            ),
            metadata=self._get_batch_metadata_from_batch_request(
                batch_request=batch_request, ignore_options=("dataframe",)
            ),
        )


class PolarsFrameAsset(_PolarsAsset):
    """A frame that is given to each run: `batch_parameters={"dataframe": frame}`."""

    type: Literal["frame"] = "frame"
    _parameter: ClassVar[str] = "dataframe"

    def _spec(self, options: Options) -> BatchSpec:
        if "dataframe" not in options:
            raise BuildBatchRequestError("the batch parameter 'dataframe' is missing.")
        return RuntimeDataBatchSpec(batch_data=options["dataframe"])


class PolarsParquetAsset(_PolarsAsset):
    """Parquet files, by path or glob.

    Attributes:
        path: a path, a glob, or several; a run may give another: `batch_parameters={"path": …}`.
        reader_options: arguments of `polars.scan_parquet`.
    """

    type: Literal["parquet"] = "parquet"
    path: Union[str, list[str], None] = None  # noqa: UP007 - pydantic 1 reads this annotation
    reader_options: dict[str, Any] = pydantic.Field(default_factory=dict)
    _parameter: ClassVar[str] = "path"

    @pydantic.validator("path", pre=True)
    @classmethod
    def _as_text(cls, path: Any) -> Any:
        if isinstance(path, list | tuple):
            return [str(part) for part in path]
        return str(path) if isinstance(path, Path) else path

    def _spec(self, options: Options) -> BatchSpec:
        path = self._as_text(options.get("path") or self.path)
        if not path:
            raise BuildBatchRequestError("the asset has no path and the run gives none.")
        spec = PathBatchSpec(
            path="several", reader_method="scan_parquet", reader_options=dict(self.reader_options)
        )
        # the constructor would turn a list of paths into one string
        spec["path"] = path
        return spec

    def scan(self) -> pl.LazyFrame:
        """The rows of the asset's own path.

        Raises:
            BuildBatchRequestError: the asset has no path.
        """
        spec = self._spec({})
        return pl.scan_parquet(spec["path"], **self.reader_options)


class PolarsDatasource(Datasource):  # type: ignore[type-arg]
    """Polars frames and Parquet files.

    Attributes:
        nan_as_null: floating NaN counts as missing, as on pandas.
        streaming: compute in Polars' streaming engine.
    """

    asset_types: ClassVar[Sequence[builtins.type[DataAsset]]] = [  # type: ignore[type-arg]
        PolarsFrameAsset,
        PolarsParquetAsset,
    ]
    type: Literal["polars"] = "polars"
    nan_as_null: bool = True
    streaming: bool = True
    assets: list[Union[PolarsFrameAsset, PolarsParquetAsset]] = []  # noqa: RUF012, UP007

    @property
    def execution_engine_type(self) -> builtins.type[PolarsExecutionEngine]:
        return PolarsExecutionEngine

    def new_engine(self) -> PolarsExecutionEngine:
        """An engine for one batch.

        Great Expectations otherwise gives all runs of a datasource one engine and one name for
        their batches, so that threads read each other's rows.
        """
        return PolarsExecutionEngine(nan_as_null=self.nan_as_null, streaming=self.streaming)

    def tables(self) -> dict[str, pl.LazyFrame]:
        """The Parquet assets that have a path of their own, by name."""
        stored = [a for a in self.assets if isinstance(a, PolarsParquetAsset) and a.path]
        return {asset.name: asset.scan() for asset in stored}

    def get_execution_engine(self) -> PolarsExecutionEngine:
        """An engine that no batch uses."""
        return self.new_engine()

    def test_connection(self, test_assets: bool = True) -> None:
        """Nothing is opened before a batch is asked for."""
