"""The expectations that a suite file may name: those of Great Expectations, and two of our own.

Great Expectations takes seconds to import, so it is imported at the first call.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_NOT_ARGUMENTS = {
    "batch_id",
    "catch_exceptions",
    "condition_parser",
    "description",
    "id",
    "library_metadata",
    "meta",
    "notes",
    "rendered_content",
    "result_format",
    "severity",
    "windows",
}
_NEED_A_SECOND_SOURCE = {
    "expect_query_results_to_match_comparison",
    "expect_table_row_count_to_equal_other_table",
}
EXIST_IN_TABLE = "expect_column_values_to_exist_in_table"
MATCH_HISTORY = "expect_table_row_count_to_match_history"


class _Arguments(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExistInTable(_Arguments):
    """Each value of a column occurs in a column of another table; missing values are let be."""

    column: str = Field(min_length=1, description="The column that refers.")
    table: str = Field(min_length=1, description="The table it refers to.")
    key: str = Field(min_length=1, description="The column of that table that is referred to.")
    mostly: float = Field(1.0, ge=0, le=1, description="Share of values that must be found there.")
    row_condition: str | None = Field(None, description="SQL condition for the rows that count.")


class MatchHistory(_Arguments):
    """The number of rows is near the median of the nights before."""

    min_ratio: float = Field(0.5, ge=0, description="Least share of the median row count.")
    max_ratio: float = Field(2.0, gt=0, description="Greatest multiple of the median row count.")
    min_nights: int = Field(5, ge=1, description="Nights that must be known; it passes before.")


_OWN: Mapping[str, type[_Arguments]] = {EXIST_IN_TABLE: ExistInTable, MATCH_HISTORY: MatchHistory}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of expectation.

    Args:
        name: its name in suite files.
        arguments: the arguments it takes.
        required: the arguments that must be given.
        judges_rows: it has a meaning for a single row, so rows can be held back for it.
        build: the pydantic model of the arguments; raises a ValidationError.
    """

    name: str
    arguments: tuple[str, ...]
    required: tuple[str, ...]
    judges_rows: bool
    build: Any


@functools.cache
def kinds() -> Mapping[str, Kind]:
    """Every kind a suite file may name, by name, in alphabetical order."""
    from great_expectations.expectations import registry

    from expectations.engine.predicates import PREDICATES

    known = {name: _own_kind(name, model) for name, model in _OWN.items()}
    for name in registry.list_registered_expectation_implementations():
        if name not in _NEED_A_SECOND_SOURCE:
            implementation = registry.get_expectation_impl(name)
            judges_rows = getattr(implementation, "map_metric", None) in PREDICATES
            known[name] = _stock_kind(name, implementation, judges_rows)
    return dict(sorted(known.items()))


def _own_kind(name: str, model: type[_Arguments]) -> Kind:
    required = tuple(key for key, field in model.model_fields.items() if field.is_required())
    return Kind(name, tuple(model.model_fields), required, name == EXIST_IN_TABLE, model)


def _stock_kind(name: str, model: Any, judges_rows: bool) -> Kind:
    fields = {k: f for k, f in model.__fields__.items() if k not in _NOT_ARGUMENTS}
    required = tuple(key for key, field in fields.items() if field.required)
    return Kind(name, tuple(fields), required, judges_rows, model)
