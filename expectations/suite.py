"""A suite as plain data: what is expected of a table, and what follows where it is not met."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import polars as pl

from expectations.catalogue import EXIST_IN_TABLE
from expectations.errors import SuiteError
from expectations.nearest import did_you_mean

Severity = Literal["critical", "warning", "info"]
OnFailure = Literal["stop", "quarantine", "record"]

_ABOUT_THE_COLUMNS = {
    "expect_column_to_exist",
    "expect_table_columns_to_match_ordered_list",
    "expect_table_columns_to_match_set",
}


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation of a suite.

    Args:
        type: its name, `expect_column_values_to_not_be_null` say.
        arguments: its arguments, parameters resolved.
        severity: how grave a failure is.
        on_failure: `stop` the night, hold the failing rows in `quarantine`, or `record` only.
        reason: what a row that breaks it is told to be held back for.
        notes: why it is expected.
        where: `file:line` of it.
    """

    type: str
    arguments: Mapping[str, Any]
    severity: Severity = "critical"
    on_failure: OnFailure = "stop"
    reason: str = ""
    notes: str = ""
    where: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it judges, in its order."""
        pair = [
            self.arguments[k] for k in ("column", "column_A", "column_B") if k in self.arguments
        ]
        return tuple(pair or self.arguments.get("column_list") or ())

    @property
    def refers_to(self) -> str | None:
        """The other table its values are looked for in, if it is a reference."""
        return self.arguments.get("table") if self.type == EXIST_IN_TABLE else None

    @property
    def columns_read(self) -> tuple[str, ...]:
        """The columns it judges and those of its row condition."""
        condition = self.arguments.get("row_condition")
        more = pl.sql_expr(condition).meta.root_names() if condition else []
        return tuple(dict.fromkeys((*self.columns, *more)))


@dataclass(frozen=True, slots=True)
class Suite:
    """The expectations of one table, in the order of their file."""

    path: str
    expectations: tuple[Expectation, ...]

    @property
    def tables_needed(self) -> frozenset[str]:
        """Other tables without which rows cannot be told good from bad."""
        return frozenset(
            e.refers_to for e in self.expectations if e.refers_to and e.on_failure != "record"
        )

    def without_references_to(self, absent: Collection[str]) -> Suite:
        """The suite less the recording references to tables that are not at hand."""
        kept = (
            e for e in self.expectations if e.refers_to not in absent or e.on_failure != "record"
        )
        return replace(self, expectations=tuple(kept))

    def check_columns(self, known: Collection[str]) -> None:
        """Hold that every column the suite reads is one of the table.

        Args:
            known: the table's columns.

        Raises:
            SuiteError: the first that is not, with its line and the nearest that is.
        """
        for expectation in self.expectations:
            if expectation.type in _ABOUT_THE_COLUMNS:
                continue
            for column in expectation.columns_read:
                if column not in known:
                    raise SuiteError(
                        "a column of the table",
                        found=f"{column!r}{did_you_mean(column, known)}",
                        where=f"{expectation.where} ({expectation.type})",
                        do=f"The columns are: {', '.join(known)}.",
                    )

    def check_references(self, tables: Mapping[str, Collection[str]]) -> None:
        """Hold that every table and key that the suite refers to is declared.

        Args:
            tables: the columns of each declared table.

        Raises:
            SuiteError: the first that is not, with its line and the nearest that is.
        """
        for expectation in self.expectations:
            table, key = (expectation.arguments.get(name) for name in ("table", "key"))
            if table is None:
                continue
            known, found = (tables, table) if table not in tables else (tables[table], key)
            if found not in known:
                raise SuiteError(
                    "a declared table" if known is tables else f"a column of {table}",
                    found=f"{found!r}{did_you_mean(str(found), known)}",
                    where=f"{expectation.where} ({expectation.type})",
                    do=f"Declared are: {', '.join(known)}.",
                )


@dataclass(frozen=True, slots=True)
class ExpectationResult:
    """How one expectation fared; nothing in it is a value of a row.

    Args:
        expectation: the expectation.
        success: whether it was met; False also where it could not be checked.
        observed: what was observed of the table as a whole: a count, a mean, a type.
        element_count: rows it looked at, None where it does not count rows.
        unexpected_count: rows that break it.
        unexpected_percent: their share of the rows with a value, in percent.
        error: why the check could not be made; empty where it was.
    """

    expectation: Expectation
    success: bool
    observed: str = ""
    element_count: int | None = None
    unexpected_count: int | None = None
    unexpected_percent: float | None = None
    error: str = ""
