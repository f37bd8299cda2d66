"""Apply what training learned, unchanged, to rows of any night."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import polars as pl

from tasks.core.errors import SchemaDriftError
from tasks.core.event import EventConfig
from tasks.core.treatments import (
    SET_ASIDE,
    Carry,
    Conversion,
    Drop,
    Fence,
    Fill,
    Grouping,
    Isolation,
    Learned,
    Prediction,
    Treatment,
    step_of,
)
from tasks.prepare.carry import carry
from tasks.prepare.categories import group
from tasks.prepare.columns import Effect, Schema, check_new
from tasks.prepare.conversion import convert
from tasks.prepare.missing import drop, fill
from tasks.prepare.outliers import fence, isolate
from tasks.prepare.prediction import predict
from tasks.prepare.scaling import scale


def apply(rows: pl.LazyFrame, learned: Learned, event: EventConfig) -> pl.LazyFrame:
    """Apply every treatment, step by step: types, outliers, categories, missing, scaling.

    Args:
        rows: in the order of time.
        learned: what training learned.
        event: what an event is.

    Returns:
        The rows with the columns that treatments add behind their own, `set_aside` among them
        where a rule sets rows aside.

    Raises:
        SchemaDriftError: a treated column is missing.
        ConfigError: the table has a column of a name that a treatment adds.
    """
    counted = apply_counted(rows, learned, event)
    return counted.drop(touched_columns(learned))


def apply_counted(rows: pl.LazyFrame, learned: Learned, event: EventConfig) -> pl.LazyFrame:
    """`apply`, and for each treatment a column that tells which rows it touched."""
    _check_columns(rows.collect_schema(), learned.record.treatments)
    numbered = list(enumerate(learned.record.treatments))
    for _, step in groupby(numbered, key=lambda each: step_of(each[1])):
        rows = _apply_step(rows, list(step), learned, event)
    return rows


def touched_columns(learned: Learned) -> list[str]:
    """The columns that tell which rows a treatment touched, in the order of treatments."""
    return [_touched(place) for place in range(len(learned.record.treatments))]


def _apply_step(
    rows: pl.LazyFrame,
    step: Sequence[tuple[int, Treatment]],
    learned: Learned,
    event: EventConfig,
) -> pl.LazyFrame:
    schema = rows.collect_schema()
    effects = [(place, _effect(each, schema, learned, event)) for place, each in step]
    columns = [column for _, effect in effects for column in effect.columns]
    reasons = [e.set_aside for _, e in effects if e.set_aside is not None]
    if reasons:
        before = [pl.col(SET_ASIDE)] if SET_ASIDE in schema else []
        columns.append(pl.coalesce(*before, *reasons).alias(SET_ASIDE))
    check_new(schema, [name for name in map(_name, columns) if name not in _treated(step)])
    touched = [effect.touched.alias(_touched(place)) for place, effect in effects]
    return rows.with_columns(*columns, *touched)


def _effect(treatment: Treatment, schema: Schema, learned: Learned, event: EventConfig) -> Effect:
    match treatment:
        case Isolation():
            return isolate(treatment, learned.files.get(treatment.forest.name), schema)
        case Prediction():
            return predict(treatment, learned.files.get(treatment.model.name), schema)
        case Carry():
            return carry(treatment, schema, event.time)
    dtype = schema[treatment.column]
    match treatment:
        case Conversion():
            return convert(treatment, dtype)
        case Fence():
            return fence(treatment, dtype)
        case Grouping():
            return group(treatment)
        case Drop():
            return drop(treatment, dtype)
        case Fill():
            return fill(treatment, dtype)
        case _:
            return scale(treatment, dtype)


def _treated(step: Sequence[tuple[int, Treatment]]) -> set[str]:
    return {SET_ASIDE, *(treatment.column for _, treatment in step)}


def _name(column: pl.Expr) -> str:
    return column.meta.output_name()


def _touched(place: int) -> str:
    return f"_touched:{place}"


def _check_columns(schema: Schema, treatments: Sequence[Treatment]) -> None:
    needed = [name for treatment in treatments for name in _reads(treatment)]
    missing = [name for name in dict.fromkeys(needed) if name not in schema]
    if missing:
        raise SchemaDriftError(
            f"the columns training treated: {', '.join(missing)}",
            found=f"only {', '.join(schema)}",
            where="prepare",
            do="Restore the columns, or train again without them.",
        )


def _reads(treatment: Treatment) -> tuple[str, ...]:
    match treatment:
        case Isolation():
            return treatment.columns
        case Prediction():
            return (treatment.column, *treatment.inputs)
        case Carry():
            return (treatment.column, *treatment.by)
        case _:
            return (treatment.column,)
