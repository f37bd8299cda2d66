"""The datasource through Great Expectations' own API: contexts, checkpoints, threads, docs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import polars as pl
import pytest
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.data_context import AbstractDataContext
from great_expectations.exceptions.exceptions import BuildBatchRequestError

from expectations.engine import PolarsExecutionEngine, PolarsParquetAsset, register


@pytest.fixture
def context() -> AbstractDataContext:
    made = gx.get_context(mode="ephemeral")
    made.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    return made


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    for day in (1, 2):
        pl.DataFrame({"a": [day, day * 10]}).write_parquet(tmp_path / f"day-{day}.parquet")
    return tmp_path


def _frames(context: AbstractDataContext) -> BatchDefinition[Any]:
    asset = context.data_sources.add_polars("polars").add_frame_asset("frame")  # type: ignore[attr-defined]
    return asset.add_batch_definition("given")  # type: ignore[no-any-return]


def _largest(batch: Any) -> Any:
    check = gxe.ExpectColumnMaxToBeBetween(column="a", max_value=0)
    return batch.validate(check).result["observed_value"]


@pytest.mark.parametrize(
    ("pattern", "largest"), [("day-1.parquet", 10), ("*.parquet", 20), ("day-[2-9].parquet", 20)]
)
def test_parquet_is_read_by_path_and_glob(
    pattern: str, largest: int, lake: Path, context: AbstractDataContext
) -> None:
    source = context.data_sources.add_polars("lake")  # type: ignore[attr-defined]
    asset = source.add_parquet_asset("days", path=lake / pattern)
    assert _largest(asset.add_batch_definition("all").get_batch()) == largest


def test_a_run_may_name_other_files(lake: Path, context: AbstractDataContext) -> None:
    source = context.data_sources.add_polars("lake")  # type: ignore[attr-defined]
    days = source.add_parquet_asset("days", path=str(lake / "day-1.parquet"))
    batches = days.add_batch_definition("all")
    assert _largest(batches.get_batch({"path": str(lake / "day-2.parquet")})) == 20
    paths = [lake / "day-1.parquet", lake / "day-2.parquet"]
    several = source.add_parquet_asset("several", path=paths).add_batch_definition("all")
    assert _largest(several.get_batch()) == 20


def test_wrong_requests_are_refused(context: AbstractDataContext) -> None:
    batches = _frames(context)
    with pytest.raises(BuildBatchRequestError, match="'dataframe' is missing"):
        batches.get_batch()
    with pytest.raises(BuildBatchRequestError, match="nonsense"):
        batches.get_batch({"nonsense": 1})
    parquet: PolarsParquetAsset = context.data_sources.add_polars("lake").add_parquet_asset("p")  # type: ignore[attr-defined]
    with pytest.raises(BuildBatchRequestError, match="no path"):
        parquet.add_batch_definition("b").get_batch()


def test_a_file_context_keeps_datasource_and_suite(lake: Path, tmp_path: Path) -> None:
    made = gx.get_context(mode="file", project_root_dir=tmp_path / "project")
    source = made.data_sources.add_polars("lake", nan_as_null=False)  # type: ignore[attr-defined]
    source.add_parquet_asset("days", path=str(lake / "*.parquet")).add_batch_definition("all")
    again = gx.get_context(mode="file", project_root_dir=tmp_path / "project")
    kept = again.data_sources.get("lake")
    assert kept.nan_as_null is False  # type: ignore[attr-defined]
    assert _largest(kept.get_asset("days").get_batch_definition("all").get_batch()) == 20


def test_a_checkpoint_builds_data_docs(tmp_path: Path, lake: Path) -> None:
    made = gx.get_context(mode="file", project_root_dir=tmp_path / "project")
    source = made.data_sources.add_polars("lake")  # type: ignore[attr-defined]
    batches = source.add_parquet_asset("days", path=str(lake / "*.parquet")).add_batch_definition(
        "a"
    )
    suite = made.suites.add(
        gx.ExpectationSuite(
            "suite",
            expectations=[
                gxe.ExpectColumnValuesToBeBetween(column="a", max_value=3, severity="warning"),
                gxe.ExpectColumnMeanToBeBetween(column="a", min_value=0),
                gxe.ExpectColumnTypeToBe(column="a", type_="Int64"),
                gxe.ExpectColumnValuesToNotBeNull(column="nowhere"),
                gxe.UnexpectedRowsExpectation(unexpected_rows_query="SELECT * FROM {batch}"),
            ],
        )
    )
    definition = made.validation_definitions.add(
        gx.ValidationDefinition(name="definition", data=batches, suite=suite)
    )
    checkpoint = made.checkpoints.add(
        gx.Checkpoint(
            name="nightly",
            validation_definitions=[definition],
            actions=[gx.checkpoint.UpdateDataDocsAction(name="docs")],
            result_format="COMPLETE",
        )
    )
    assert not checkpoint.run().success
    assert list((tmp_path / "project").rglob("validations/**/*.html"))


def test_threads_that_share_a_checkpoint_read_their_own_rows(
    context: AbstractDataContext,
) -> None:
    suite = context.suites.add(
        gx.ExpectationSuite("s", [gxe.ExpectColumnMaxToBeBetween(column="a", max_value=0)])
    )
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(name="d", data=_frames(context), suite=suite)
    )

    def largest(i: int) -> int:
        result = definition.run(batch_parameters={"dataframe": pl.DataFrame({"a": [i, 0]})})
        return int(result.results[0].result["observed_value"])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(largest, range(1, 41))) == list(range(1, 41))


def test_retries_of_a_failing_metric_read_nothing_again(context: AbstractDataContext) -> None:
    reads: list[int] = []

    def counted(rows: pl.DataFrame) -> pl.DataFrame:
        reads.append(len(rows))
        return rows

    frame = pl.LazyFrame({"a": [1, 2], "w": ["x", "y"]}).map_batches(counted)
    suite = gx.ExpectationSuite(
        "s",
        [
            gxe.ExpectColumnMaxToBeBetween(column="a", max_value=2),
            gxe.ExpectColumnMeanToBeBetween(column="w", min_value=0),
            gxe.ExpectColumnValuesToNotBeNull(column="nowhere"),
        ],
    )
    results = _frames(context).get_batch({"dataframe": frame}).validate(suite).results
    assert sorted(bool(result.success) for result in results) == [False, False, True]
    assert len(reads) == 1


def test_a_batch_shows_its_columns_and_first_rows(context: AbstractDataContext) -> None:
    batch = _frames(context).get_batch(
        {"dataframe": pl.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]})}
    )
    assert batch.columns() == ["a", "b"]
    assert batch.head(n_rows=2).data["a"].tolist() == [1, 2]
    assert batch.head(n_rows=-1).data["a"].tolist() == [1, 2]
    assert batch.head(fetch_all=True).data["a"].tolist() == [1, 2, 3]


def test_queries_are_compared_between_datasources(lake: Path, context: AbstractDataContext) -> None:
    source = context.data_sources.add_polars("lake")  # type: ignore[attr-defined]
    source.add_parquet_asset("days", path=str(lake / "*.parquet"))
    batches = _frames(context)
    same = gxe.ExpectQueryResultsToMatchComparison(
        base_query="SELECT a FROM {batch} WHERE a > 5",
        comparison_data_source_name="lake",
        comparison_query="SELECT a FROM days WHERE a > 5",
    )
    assert batches.get_batch({"dataframe": pl.DataFrame({"a": [10, 20]})}).validate(same).success
    assert not batches.get_batch({"dataframe": pl.DataFrame({"a": [10]})}).validate(same).success


def test_registering_again_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    register()
    register()
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_nan_is_a_value_where_the_datasource_says_so(context: AbstractDataContext) -> None:
    source = context.data_sources.add_polars("strict", nan_as_null=False)  # type: ignore[attr-defined]
    batches = source.add_frame_asset("frame").add_batch_definition("given")
    batch = batches.get_batch({"dataframe": pl.DataFrame({"x": [1.0, float("nan"), None]})})
    result = batch.validate(gxe.ExpectColumnValuesToNotBeNull(column="x"))
    assert result.result["unexpected_count"] == 1


def test_an_engine_takes_only_polars_frames() -> None:
    with pytest.raises(Exception, match="needs a Polars frame, found dict"):
        PolarsExecutionEngine().load_batch_data("b", {"a": [1]})
