"""Which columns a rule may treat, and what a treatment does to a frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import polars as pl
from polars.datatypes import DataType, DataTypeClass

from tasks.core.batches import BATCH_DATE
from tasks.core.errors import ConfigError
from tasks.core.event import EventConfig

Kind = Literal["numeric", "text", "boolean", "date"]
Type = DataType | DataTypeClass
Schema = Mapping[str, Type]
Rule = TypeVar("Rule")


@dataclass(frozen=True, slots=True)
class Effect:
    """What one treatment does.

    Args:
        columns: the columns it changes or adds.
        touched: whether it changed, marked or set aside a row.
        set_aside: why a row is not fitted on, null where it is; None where it never sets aside.
    """

    columns: tuple[pl.Expr, ...]
    touched: pl.Expr
    set_aside: pl.Expr | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """Columns whose values may not change.

    Args:
        identity: keys, times, entities and batch date: they name and order the events; and the
            label's column, of which no treatment may tell.
        condition: columns of `event.where`: they decide which rows are events.
    """

    identity: frozenset[str]
    condition: frozenset[str]

    @classmethod
    def of(cls, event: EventConfig, label: str | None = None) -> Held:
        """The columns an event is made of, and the label's."""
        time = [event.time] if event.time else []
        identity = {*time, *event.key, *event.entities, BATCH_DATE, *([label] if label else [])}
        return cls(frozenset(identity), event.columns_of_where)


def kind_of(dtype: Type) -> Kind | None:
    """The type of column as the rules know it; None of lists, arrays, structs and bytes."""
    if dtype.is_numeric():
        return "numeric"
    if dtype == pl.Boolean:
        return "boolean"
    if dtype in (pl.Date, pl.Datetime):
        return "date"
    return "text" if dtype in (pl.String, pl.Categorical, pl.Enum) else None


def is_missing(column: str, dtype: Type) -> pl.Expr:
    """Whether a value is missing; a float that is not a number counts as missing."""
    values = pl.col(column)
    return (
        values.is_null() | values.is_nan().fill_null(False)
        if dtype.is_float()
        else (values.is_null())
    )


def known(column: str, dtype: Type) -> pl.Expr:
    """The values to learn from: no infinity, nothing that is not a number, decimals as floats."""
    values = pl.col(column)
    if dtype.is_float():
        return pl.when(values.is_finite()).then(values)
    return values.cast(pl.Float64) if dtype.is_decimal() else values


def choose(
    schema: Schema,
    by_type: Mapping[Kind, Rule],
    by_column: Mapping[str, Rule],
    held: Held,
    where: str,
    changes: Callable[[Rule], bool],
) -> Iterator[tuple[str, Rule]]:
    """The rule of each column, in the table's order.

    Args:
        schema: the table as the step finds it.
        by_type: rules for columns that have none of their own; only these kinds can have rules.
        by_column: rules by column.
        held: columns that may not change.
        where: the rules' place in the pipeline file.
        changes: whether a rule changes the column itself.

    Raises:
        ConfigError: a rule names a column that is not there, may not change, or is of a type
            that the rule is not for.
    """
    for column, rule in by_column.items():
        _check(schema, column, rule, held, f"{where}, column {column}", changes, tuple(by_type))
    for column, dtype in schema.items():
        kind = kind_of(dtype)
        if column in by_column:
            yield column, by_column[column]
        elif kind is not None and kind in by_type and column not in held.identity:
            rule = by_type[kind]
            if not (changes(rule) and column in held.condition):
                yield column, rule


def check_new(schema: Schema, names: list[str]) -> None:
    """Hold that columns to be added are not there yet.

    Raises:
        ConfigError: one is.
    """
    taken = [name for name in names if name in schema or names.count(name) > 1]
    if taken:
        raise ConfigError(
            "names of their own for the columns that preparation adds",
            found=f"the table has {', '.join(sorted(set(taken)))} already",
            where="prepare",
            do="Remove the rule, or rename the column at its source.",
        )


def _check(
    schema: Schema,
    column: str,
    rule: Rule,
    held: Held,
    where: str,
    changes: Callable[[Rule], bool],
    kinds: tuple[Kind, ...],
) -> None:
    if column not in schema:
        raise ConfigError(
            "a column of the event table",
            found=f"only {', '.join(schema)}",
            where=where,
            do="Correct the name, or remove the rule.",
        )
    if column in held.identity:
        raise ConfigError(
            "no treatment of keys, times and entities, nor of the label",
            found=f"a rule for {column}",
            where=where,
            do="Remove the rule; a changed key would name another event.",
        )
    if changes(rule) and column in held.condition:
        raise ConfigError(
            "no change of the columns that `event.where` reads",
            found=f"a rule that changes {column}",
            where=where,
            do="Mark or scale the column, which leaves it as it is, or bound it in a feature's "
            "expression; a changed value would make other rows events than those labelled.",
        )
    if kind_of(schema[column]) not in kinds:
        raise ConfigError(
            f"a column of type {' or '.join(kinds)}",
            found=str(schema[column]),
            where=where,
            do="Remove the rule, or read the column as another type under prepare.types.",
        )
