"""References between tables, as expectations about a helper column.

A left join marks each row whose value occurs in the other table. So the engine counts, weighs by
`mostly` and flags a reference as it does any other expectation, and a set of keys of any size
never becomes an argument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from expectations.catalogue import kinds
from expectations.errors import SuiteError
from expectations.nearest import did_you_mean
from expectations.suite import Expectation


def with_helpers(
    frame: pl.LazyFrame, references: Sequence[Expectation], tables: Mapping[str, pl.LazyFrame]
) -> pl.LazyFrame:
    """Add a helper column for each reference: true, false, or null where nothing is referred to.

    Raises:
        SuiteError: there is no such table, it has no such column, or the types differ.
    """
    for position, reference in enumerate(references):
        keys = _keys(reference, frame, tables)
        found = keys.with_columns(pl.lit(True).alias(_helper(position)))
        column, helper = reference.arguments["column"], _helper(position)
        frame = frame.join(
            found,
            left_on=column,
            right_on=reference.arguments["key"],
            how="left",
            maintain_order="left",
        ).with_columns(
            pl.when(pl.col(column).is_not_null())
            .then(pl.col(helper).fill_null(False))
            .alias(helper)
        )
    return frame


def as_membership(position: int, reference: Expectation) -> Any:
    """The expectation of Great Expectations that a reference is, given its helper column."""
    given = {k: v for k, v in reference.arguments.items() if k in ("mostly", "row_condition")}
    return kinds()["expect_column_values_to_be_in_set"].build(
        column=_helper(position), value_set=[True], severity=reference.severity, **given
    )


def _helper(position: int) -> str:
    return f"__refers_{position}__"


def _keys(
    reference: Expectation, frame: pl.LazyFrame, tables: Mapping[str, pl.LazyFrame]
) -> pl.LazyFrame:
    table, key = reference.arguments["table"], reference.arguments["key"]
    if table not in tables:
        raise _fault(
            reference, "a table of the pipeline", f"{table!r}{did_you_mean(table, tables)}"
        )
    schema = tables[table].collect_schema()
    if key not in schema:
        raise _fault(reference, f"a column of {table}", f"{key!r}{did_you_mean(key, schema)}")
    own = frame.collect_schema()[reference.arguments["column"]]
    if own != schema[key]:
        raise _fault(reference, f"columns of one type: this one is {own}", f"{schema[key]}")
    return tables[table].select(key).drop_nulls().unique()


def _fault(reference: Expectation, required: str, found: str) -> SuiteError:
    return SuiteError(
        required,
        found=found,
        where=f"{reference.where} ({reference.type})",
        do="Mend the reference in the suite, or declare the source in the pipeline.",
    )
