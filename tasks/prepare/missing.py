"""Missing values that one value stands for, and rows that are not fitted on for want of one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

import polars as pl

from tasks.core.errors import ConfigError
from tasks.core.treatments import Carry, Drop, Fill, Scalar
from tasks.prepare.columns import (
    Effect,
    Held,
    Kind,
    Schema,
    Type,
    choose,
    is_missing,
    kind_of,
    known,
)
from tasks.prepare.config import MissingConfig
from tasks.prepare.rules import (
    Ahead,
    Average,
    Constant,
    DropMissing,
    Forward,
    KeepMissing,
    Missing,
    Predicted,
)
from tasks.prepare.statistics import Learner, Values


def chosen(schema: Schema, config: MissingConfig, held: Held) -> Iterator[tuple[str, Missing]]:
    """The columns with a rule that does something, each with its rule.

    Raises:
        ConfigError: a rule cannot be applied to its column.
    """
    by_type: Mapping[Kind, Missing] = {
        "numeric": config.numeric,
        "text": config.text,
        "boolean": config.boolean,
        "date": config.date,
    }
    for column, rule in choose(schema, by_type, config.columns, held, "prepare.missing", _changes):
        if rule != KeepMissing():
            _check(column, schema[column], rule)
            _check_entity(column, schema, rule)
            yield column, rule


def learner(column: str, dtype: Type, rule: Missing) -> Learner:
    """What to learn for one column; rules that a model is fitted for are not among them."""
    statistics: dict[str, pl.Expr] = {}
    if isinstance(rule, Average):
        statistics["value"] = _average(rule, known(column, dtype))

    def treatment(found: Values) -> Fill | Drop | Carry:
        if isinstance(rule, DropMissing):
            return Drop(column)
        if isinstance(rule, (Forward, Ahead)):
            seconds = rule.within.total_seconds()
            return Carry(column, rule.method, rule.by, seconds, rule.indicator)
        if isinstance(rule, Constant):
            return Fill(column, "constant", rule.value, rule.indicator)
        assert isinstance(rule, (KeepMissing, Average))
        return Fill(column, rule.method, _plain(found.get("value")), rule.indicator)

    return Learner(column, statistics, treatment)


def fill(treatment: Fill, dtype: Type) -> Effect:
    """Put the value where one is missing; an integer filled with a fraction becomes a float."""
    absent = is_missing(treatment.column, dtype)
    told = indicator(treatment.column, absent) if treatment.indicator else ()
    if treatment.value is None:
        return Effect(told, absent if told else pl.lit(False))
    values = pl.col(treatment.column)
    if dtype.is_decimal() or (dtype.is_integer() and not float(treatment.value).is_integer()):
        values, dtype = values.cast(pl.Float64), pl.Float64()
    if dtype in (pl.Categorical, pl.Enum):
        values, dtype = values.cast(pl.String), pl.String()
    filled = pl.when(absent).then(_literal(treatment.value, dtype)).otherwise(values)
    return Effect((*told, filled.alias(treatment.column)), absent)


def drop(treatment: Drop, dtype: Type) -> Effect:
    """Set rows aside that lack a value."""
    absent = is_missing(treatment.column, dtype)
    reason = pl.when(absent).then(pl.lit(f"{treatment.column} missing"))
    return Effect((), absent, reason)


def indicator(column: str, absent: pl.Expr) -> tuple[pl.Expr, ...]:
    """The column that tells where values were missing."""
    return (absent.alias(f"{column}_missing"),)


def _average(rule: Average, values: pl.Expr) -> pl.Expr:
    if rule.method == "mode":
        # Ties go to the smallest value, whatever the order of the rows.
        return values.drop_nulls().mode().sort().first()
    return values.mean() if rule.method == "mean" else values.median()


def _literal(value: Scalar, dtype: Type) -> pl.Expr:
    if dtype in (pl.Date, pl.Datetime):
        return pl.lit(dt.datetime.fromisoformat(str(value))).cast(dtype)
    return pl.lit(value).cast(dtype)


def _plain(value: object) -> Scalar | None:
    if isinstance(value, dt.date):
        return value.isoformat()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def _changes(rule: Missing) -> bool:
    return not isinstance(rule, (KeepMissing, DropMissing))


def _check(column: str, dtype: Type, rule: Missing) -> None:
    kind = kind_of(dtype)
    if isinstance(rule, Average) and rule.method != "mode":
        fits, wanted = kind in {"numeric", "date"}, "a numeric column, or one of dates"
    elif isinstance(rule, Ahead) and rule.method == "linear":
        fits, wanted = kind == "numeric", "a numeric column"
    elif isinstance(rule, Predicted):
        fits, wanted = kind != "date", "a column of numbers, texts or booleans"
    elif isinstance(rule, Constant):
        fits, wanted = _fits(rule.value, dtype), f"a column that can hold {rule.value!r}"
    else:
        return
    if not fits:
        raise ConfigError(
            wanted,
            found=str(dtype),
            where=f"prepare.missing, column {column}",
            do=f"Give the column another rule than `{rule.method}`, or another value.",
        )


def _check_entity(column: str, schema: Schema, rule: Missing) -> None:
    by = rule.by if isinstance(rule, (Forward, Ahead)) else ()
    absent = [name for name in by if name not in schema]
    if absent:
        raise ConfigError(
            "columns of the event table under `by`",
            found=f"no {', '.join(absent)}; only {', '.join(schema)}",
            where=f"prepare.missing, column {column}",
            do="Correct the names.",
        )


def _fits(value: Scalar, dtype: Type) -> bool:
    match kind_of(dtype):
        case "numeric":
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            return number and _within(value, dtype)
        case "boolean":
            return isinstance(value, bool)
        case "date":
            return isinstance(value, str) and _is_iso(value)
        case _:
            return isinstance(value, str)


def _within(value: Scalar, dtype: Type) -> bool:
    """Whether an integer column can hold a whole number; a fraction makes it one of floats."""
    if not dtype.is_integer() or not float(value).is_integer():
        return True
    return pl.select(pl.lit(value).cast(dtype, strict=False)).item() is not None


def _is_iso(text: str) -> bool:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
