"""Learn from training time what stands for a missing value and where outliers are clipped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl
from polars.datatypes import DataType, DataTypeClass

from tasks.core.artifacts import Preparation, Treatment
from tasks.core.errors import ConfigError
from tasks.core.event import EventConfig
from tasks.prepare.config import Constant, Fence, Fill, IqrFence, PrepareConfig

Schema = Mapping[str, DataType | DataTypeClass]


def fit(rows: pl.LazyFrame, config: PrepareConfig, event: EventConfig) -> Preparation:
    """Learn the treatments of every column that needs one.

    Args:
        rows: rows of training time, de-duplicated, in order.
        config: what to learn.
        event: its key, time and entities stay as they are.

    Returns:
        One treatment for each column that has one, in the table's order.

    Raises:
        ConfigError: a rule names a column that is not there, or asks a number of a text.
    """
    schema = rows.collect_schema()
    check_columns(schema, config, event)
    fills = dict(_fills(schema, config, event))
    fences = {column: fence for fence in config.outliers for column in fence.columns}
    treated = [column for column in schema if column in fills or column in fences]
    if not treated:
        return Preparation()
    asked = [expr for c in treated for expr in _statistics(c, fills.get(c), fences.get(c))]
    learned = rows.select(asked).collect().row(0, named=True) if asked else {}
    return Preparation(tuple(_treatment(c, fills.get(c), learned) for c in treated))


def check_columns(schema: Schema, config: PrepareConfig, event: EventConfig) -> None:
    """Hold that every rule names a column it can be applied to."""
    held = {event.time, *event.key, *event.entities}
    for column, fill in config.missing.columns.items():
        wants_number = fill in {"mean", "median"} or (
            isinstance(fill, Constant) and not isinstance(fill.constant, str)
        )
        _check(schema, column, "missing", wants_number, held)
    for fence in config.outliers:
        for column in fence.columns:
            _check(schema, column, "outliers", True, held)


def _check(schema: Schema, column: str, rule: str, number: bool, held: set[str | None]) -> None:
    where = f"prepare.{rule}, column {column}"
    if column not in schema:
        raise ConfigError(
            "a column of the event table",
            found=f"only {', '.join(schema)}",
            where=where,
            do="Correct the name, or remove the rule.",
        )
    if column in held:
        raise ConfigError(
            "no treatment of keys, times and entities",
            found=f"a rule for {column}",
            where=where,
            do="Remove the rule; a changed key would name another event.",
        )
    if number and not schema[column].is_numeric():
        raise ConfigError(
            "a numeric column",
            found=str(schema[column]),
            where=where,
            do="Use `mode` or a text constant, or remove the rule.",
        )


def _fills(schema: Schema, config: PrepareConfig, event: EventConfig) -> Iterator[tuple[str, Fill]]:
    held = {event.time, *event.key, *event.entities, "batch_date"}
    for column, dtype in schema.items():
        by_type: Fill = "none"
        if column not in held and dtype.is_numeric():
            by_type = config.missing.numeric
        elif column not in held and dtype == pl.String:
            by_type = config.missing.text
        fill = config.missing.columns.get(column, by_type)
        if fill != "none":
            yield column, fill


def _statistics(column: str, fill: Fill | None, fence: Fence | None) -> Iterator[pl.Expr]:
    values = pl.col(column)
    if fill == "mean":
        yield values.mean().alias(f"fill:{column}")
    elif fill == "median":
        yield values.median().alias(f"fill:{column}")
    elif fill == "mode":
        # Ties go to the smallest value, whatever the order of the rows.
        yield values.drop_nulls().mode().sort().first().alias(f"fill:{column}")
    if isinstance(fence, IqrFence):
        low, high = values.quantile(0.25, "linear"), values.quantile(0.75, "linear")
        reach = (high - low) * fence.widen
        yield (low - reach).alias(f"low:{column}")
        yield (high + reach).alias(f"high:{column}")
    elif fence is not None:
        yield values.quantile(fence.low, "linear").alias(f"low:{column}")
        yield values.quantile(fence.high, "linear").alias(f"high:{column}")


def _treatment(
    column: str, fill: Fill | None, learned: Mapping[str, float | str | None]
) -> Treatment:
    value = fill.constant if isinstance(fill, Constant) else learned.get(f"fill:{column}")
    return Treatment(
        column, value, _number(learned, "low", column), _number(learned, "high", column)
    )


def _number(learned: Mapping[str, float | str | None], side: str, column: str) -> float | None:
    value = learned.get(f"{side}:{column}")
    return None if value is None else float(value)
