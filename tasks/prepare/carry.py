"""Missing values taken from other rows of the same entity.

`forward` looks at rows of strictly earlier time, so that a row is filled with what was known
before it. `backward` and `linear` look at later rows too, of the same batch date only: those are
there when the date is scored, so that a night fills as training does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from tasks.core.batches import BATCH_DATE
from tasks.core.errors import ConfigError
from tasks.core.treatments import Carry
from tasks.prepare.columns import Effect, Schema, Type, is_missing
from tasks.prepare.missing import indicator


@dataclass(frozen=True, slots=True)
class _Neighbour:
    """The nearest known value on one side, and how long before or after it lies."""

    value: pl.Expr
    seconds: pl.Expr


def carry(treatment: Carry, schema: Schema, time: str | None) -> Effect:
    """Fill from the entity's other rows; what has no neighbour near enough stays missing.

    Args:
        treatment: the treatment.
        schema: the table's columns; its rows are in the order of time.
        time: the column with the time of a row.

    Raises:
        ConfigError: the rows have no time.
    """
    if time is None:
        raise ConfigError(
            f"event.time, to fill {treatment.method}",
            found="no event.time",
            where=f"prepare.missing, column {treatment.column}",
            do="Name the time column of the events, or use another rule.",
        )
    moment = pl.col(time).cast(pl.Datetime("us"))
    dtype = schema[treatment.column]
    absent = is_missing(treatment.column, dtype)
    found = _found(treatment, dtype, moment)
    has_entity = pl.all_horizontal(pl.col(column).is_not_null() for column in treatment.by)
    values = pl.col(treatment.column)
    if treatment.method == "linear" and not dtype.is_float():
        values = values.cast(pl.Float64)
    filled = pl.when(absent & has_entity).then(found).otherwise(values)
    touched = absent & has_entity & found.is_not_null()
    told = indicator(treatment.column, absent) if treatment.indicator else ()
    return Effect((*told, filled.alias(treatment.column)), touched)


def _found(treatment: Carry, dtype: Type, moment: pl.Expr) -> pl.Expr:
    values = pl.when(~is_missing(treatment.column, dtype)).then(pl.col(treatment.column))
    within, by = treatment.within_seconds, treatment.by
    if treatment.method == "forward":
        before = _strictly_before(values, moment, by)
        return pl.when(before.seconds <= within).then(before.value)
    after = _from_now_on(values, moment, (*by, BATCH_DATE))
    if treatment.method == "backward":
        return pl.when(after.seconds <= within).then(after.value)
    before = _until_now(values.cast(pl.Float64), moment, by)
    span = before.seconds + after.seconds
    share = pl.when(span > 0).then(before.seconds / span).otherwise(0.0)
    line = before.value + (after.value - before.value) * share
    return pl.when((before.seconds <= within) & (after.seconds <= within)).then(line)


def _strictly_before(values: pl.Expr, moment: pl.Expr, by: Sequence[str]) -> _Neighbour:
    """Of the rows before the first row of the same moment."""
    is_first = moment.ne_missing(moment.shift(1))
    first = pl.when(is_first).then(pl.int_range(pl.len())).forward_fill()
    known_at = pl.when(values.is_not_null()).then(moment)
    value = values.forward_fill().shift(1).gather(first).over(by)
    at = known_at.forward_fill().shift(1).gather(first).over(by)
    return _Neighbour(value, _seconds(moment - at))


def _until_now(values: pl.Expr, moment: pl.Expr, by: Sequence[str]) -> _Neighbour:
    at = pl.when(values.is_not_null()).then(moment).forward_fill().over(by)
    return _Neighbour(values.forward_fill().over(by), _seconds(moment - at))


def _from_now_on(values: pl.Expr, moment: pl.Expr, by: Sequence[str]) -> _Neighbour:
    at = pl.when(values.is_not_null()).then(moment).backward_fill().over(by)
    return _Neighbour(values.backward_fill().over(by), _seconds(at - moment))


def _seconds(span: pl.Expr) -> pl.Expr:
    return span.dt.total_microseconds() / 1e6
