"""Teaches the type expectations, which know their engines by class, to judge Polars types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import polars as pl
from great_expectations.expectations.core.expect_column_type_to_be import ExpectColumnTypeToBe
from great_expectations.expectations.core.expect_column_values_to_be_in_type_list import (
    ExpectColumnValuesToBeInTypeList,
)
from great_expectations.expectations.core.expect_column_values_to_be_of_type import (
    ExpectColumnValuesToBeOfType,
)
from great_expectations.expectations.expectation import Expectation

from expectations.engine.engine import PolarsExecutionEngine

# what suites written for pandas, Python or SQL call a Polars type
_OTHER_NAMES: dict[type[pl.DataType], set[str]] = {
    pl.Int8: {"int8", "int"},
    pl.Int16: {"int16", "int"},
    pl.Int32: {"int32", "int"},
    pl.Int64: {"int64", "int", "int_"},
    pl.Int128: {"int128", "int"},
    pl.UInt8: {"uint8", "int"},
    pl.UInt16: {"uint16", "int"},
    pl.UInt32: {"uint32", "int"},
    pl.UInt64: {"uint64", "int"},
    pl.Float32: {"float32", "float"},
    pl.Float64: {"float64", "float", "double"},
    pl.Boolean: {"bool", "boolean", "bool_"},
    pl.String: {"str", "string", "utf8", "object", "object_", "O"},
    pl.Categorical: {"category", "CategoricalDtype"},
    pl.Enum: {"category", "CategoricalDtype"},
    pl.Date: {"date"},
    pl.Datetime: {"datetime", "datetime64", "Timestamp", "DatetimeTZDtype"},
    pl.Duration: {"timedelta", "timedelta64", "Timedelta"},
    pl.Time: {"time"},
    pl.Decimal: {"decimal", "Decimal"},
    pl.List: {"list"},
    pl.Array: {"array"},
    pl.Struct: {"struct", "dict"},
    pl.Binary: {"bytes", "binary"},
    pl.Null: {"null", "NoneType"},
}


def names_of(dtype: pl.DataType) -> set[str]:
    """Every name by which a suite may call a type.

    Args:
        dtype: the type of a column.
    """
    base = dtype.base_type()
    names = {str(dtype), repr(dtype), str(base), base.__name__} | _OTHER_NAMES.get(base, set())
    unit = getattr(dtype, "time_unit", None)
    if unit is not None and getattr(dtype, "time_zone", None) is None:
        kind = "timedelta64" if isinstance(dtype, pl.Duration) else "datetime64"
        names |= {f"{kind}[{unit}]"}
    return names


_KNOWN = {base.__name__ for base in _OTHER_NAMES} | set().union(*_OTHER_NAMES.values())


def _is_known(name: str) -> bool:
    return name.split("(")[0].split("[")[0] in _KNOWN


def _judge(column: str, wanted: list[str] | None, types: list[dict[str, Any]]) -> dict[str, Any]:
    by_name: dict[str, pl.DataType] = {entry["name"]: entry["type"] for entry in types}
    if column not in by_name:
        raise ValueError(f'The column "{column}" does not exist.')
    if wanted is not None and not any(map(_is_known, wanted)):
        raise ValueError(f"Unrecognized Polars type: {', '.join(wanted)}")
    actual = by_name[column]
    is_wanted = wanted is None or bool(names_of(actual) & set(wanted))
    return {"success": is_wanted, "result": {"observed_value": str(actual)}}


def _one_type(kwargs: Mapping[str, Any]) -> list[str] | None:
    return None if kwargs.get("type_") is None else [kwargs["type_"]]


def _type_list(kwargs: Mapping[str, Any]) -> list[str] | None:
    wanted = kwargs.get("type_list")
    return None if wanted is None else list(wanted)


_WANTED: dict[type[Expectation], Callable[[Mapping[str, Any]], list[str] | None]] = {
    ExpectColumnValuesToBeOfType: _one_type,
    ExpectColumnTypeToBe: _one_type,
    ExpectColumnValuesToBeInTypeList: _type_list,
}


def teach_type_expectations() -> None:
    """Let the type expectations judge Polars types; other engines see no change."""
    for expectation, wanted in _WANTED.items():
        if not hasattr(expectation._validate, "judges_polars"):
            _teach(expectation, wanted)


def _teach(
    expectation: type[Expectation], wanted: Callable[[Mapping[str, Any]], list[str] | None]
) -> None:
    stock = expectation._validate

    @wraps(stock)
    def validate(
        self: Expectation,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,
    ) -> Any:
        if not isinstance(execution_engine, PolarsExecutionEngine):
            return stock(self, metrics, runtime_configuration, execution_engine)
        kwargs = self.configuration.kwargs
        return _judge(kwargs["column"], wanted(kwargs), metrics["table.column_types"])

    validate.judges_polars = True  # type: ignore[attr-defined]
    expectation._validate = validate  # type: ignore[method-assign]
