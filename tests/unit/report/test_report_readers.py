"""Each public table, read by each tool a user may have: the same values, in the types told."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.report.contract import TABLES
from tests.unit.report import nights

ARROW = {
    pl.Boolean: pa.types.is_boolean,
    pl.Float64: pa.types.is_float64,
    pl.Int32: pa.types.is_int32,
    pl.Int64: pa.types.is_int64,
    pl.String: lambda kind: pa.types.is_large_string(kind) or pa.types.is_string(kind),
}
DUCKDB = {
    pl.Boolean: "BOOLEAN",
    pl.Float64: "DOUBLE",
    pl.Int32: "INTEGER",
    pl.Int64: "BIGINT",
    pl.String: "VARCHAR",
}


def arrow_fits(kind: pa.DataType, dtype: Any) -> bool:
    """Whether an Arrow type is that of the contract, inner types included."""
    if isinstance(dtype, pl.List):
        is_list = pa.types.is_large_list(kind) or pa.types.is_list(kind)
        return is_list and arrow_fits(kind.value_type, dtype.inner)
    if isinstance(dtype, pl.Struct):
        return [field.name for field in dtype.fields] == [field.name for field in kind] and all(
            arrow_fits(kind.field(field.name).type, field.dtype) for field in dtype.fields
        )
    if isinstance(dtype, pl.Datetime):
        return kind == pa.timestamp("us", dtype.time_zone)
    return bool(ARROW[dtype if isinstance(dtype, type) else type(dtype)](kind))


def duckdb_type(dtype: Any) -> str:
    """A type of the contract as DuckDB calls it."""
    if isinstance(dtype, pl.List):
        return f"{duckdb_type(dtype.inner)}[]"
    if isinstance(dtype, pl.Struct):
        inner = (f'"{field.name}" {duckdb_type(field.dtype)}' for field in dtype.fields)
        return f"STRUCT({', '.join(inner)})"
    if isinstance(dtype, pl.Datetime):
        return "TIMESTAMP WITH TIME ZONE" if dtype.time_zone else "TIMESTAMP"
    return DUCKDB[dtype if isinstance(dtype, type) else type(dtype)]


def plain(value: Any) -> Any:
    """A value as Python has it, whichever tool read it; missing ones are None."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if hasattr(value, "tolist") and not isinstance(value, pd.Timestamp):
        value = value.tolist()
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


def rows(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: plain(value) for name, value in record.items()} for record in records]


@pytest.mark.parametrize("table", TABLES)
class TestReaders:
    @pytest.fixture
    def file(self, published: Path, table: str) -> Path:
        folder = published / table / f"batch_date={nights.DAY}"
        return folder / ("night.parquet" if table != "trials" else "training.parquet")

    def test_pandas(self, file, table) -> None:
        expected = pl.read_parquet(file, hive_partitioning=False)
        found = pd.read_parquet(file, partitioning=None)
        assert list(found.columns) == expected.columns
        assert rows(found.to_dict("records")) == rows(expected.to_dicts())

    def test_pyarrow(self, file, table) -> None:
        expected = pl.read_parquet(file, hive_partitioning=False)
        found = pq.read_table(file, partitioning=None)
        for column in TABLES[table].columns:
            assert arrow_fits(found.schema.field(column.name).type, column.dtype), column.name
        assert rows(found.to_pylist()) == rows(expected.to_dicts())

    def test_duckdb(self, file, table) -> None:
        expected = pl.read_parquet(file, hive_partitioning=False)
        with duckdb.connect() as database:
            database.execute("set timezone = 'UTC'")
            found = database.sql(f"from read_parquet('{file}', hive_partitioning = false)")
            types = dict(zip(found.columns, map(str, found.types), strict=True))
            for column in TABLES[table].columns:
                wanted = duckdb_type(column.dtype)
                assert types[column.name].replace('"', "") == wanted.replace('"', ""), column.name
            assert found.columns == expected.columns
            records = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
        assert rows(records) == rows(expected.to_dicts())

    def test_the_folder_gives_the_batch_date_to_every_reader(self, file, table) -> None:
        folder = file.parents[1]
        assert str(pl.read_parquet(folder)["batch_date"][0]) == nights.DAY
        assert str(pd.read_parquet(folder)["batch_date"].iloc[0]) == nights.DAY
        assert str(pq.read_table(folder)["batch_date"][0]) == nights.DAY
        found = duckdb.sql(f"select distinct batch_date from '{folder}/*/*.parquet'")
        assert str(found.fetchall()[0][0]) == nights.DAY
