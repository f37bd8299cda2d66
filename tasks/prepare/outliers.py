"""Values and rows that are far out: the bounds they have to stay within."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from tasks.core.errors import ConfigError, DataError
from tasks.core.keys import digest_bytes
from tasks.core.treatments import Fence, Isolation, Stored
from tasks.models.isolation import IsolationForest, grow
from tasks.prepare.columns import Effect, Held, Kind, Schema, Type, choose, known
from tasks.prepare.config import OutliersConfig
from tasks.prepare.rules import Bounds, Iqr, IsolationRule, Mad, NoRule, Outliers, Quantiles
from tasks.prepare.statistics import Learner, Values

_AS_NORMAL = 1.4826  # a normal column's standard deviation, in median absolute deviations


def fences(schema: Schema, config: OutliersConfig, held: Held) -> Iterator[Learner]:
    """What to learn for the columns with a rule."""
    by_type: Mapping[Kind, Outliers] = {"numeric": config.numeric}
    for column, rule in choose(schema, by_type, config.columns, held, "prepare.outliers", _changes):
        if not isinstance(rule, NoRule):
            yield _learner(column, rule, known(column, schema[column]))


def fence(treatment: Fence, dtype: Type) -> Effect:
    """Clip, mark or set aside what is outside the bounds; a missing value is not."""
    values = pl.col(treatment.column)
    if dtype.is_decimal() or (dtype.is_integer() and not _whole(treatment)):
        values = values.cast(pl.Float64)
    out = pl.lit(False)
    if treatment.low is not None:
        out = out | (values < treatment.low)
    if treatment.high is not None:
        out = out | (values > treatment.high)
    if dtype.is_float():
        out = out & values.is_not_nan()
    out = out.fill_null(False)
    if treatment.action == "clip":
        # Where nothing is out the column keeps its bits: clip would turn -0.0 into 0.0.
        clipped = pl.when(out).then(values.clip(treatment.low, treatment.high)).otherwise(values)
        return Effect((clipped.alias(treatment.column),), out)
    return _flagged(out, treatment.column, treatment.action, f"outlier in {treatment.column}")


def grow_forest(
    rows: pl.LazyFrame, schema: Schema, rule: IsolationRule, seed: int
) -> tuple[Isolation, bytes]:
    """Grow an isolation forest on training rows, and find the score that few of them exceed.

    Raises:
        ConfigError: a column is not there, or holds no numbers.
        DataError: there is no row.
    """
    _check_numeric(schema, rule)
    table = rows.select(known(c, schema[c]).cast(pl.Float64) for c in rule.columns).collect()
    centres = tuple(float(table[c].median() or 0.0) for c in rule.columns)  # type: ignore[arg-type]
    matrix = _matrix(table, centres)
    if not len(matrix):
        raise DataError(
            "training rows to grow a forest on",
            found="none",
            where=f"prepare.outliers.together, {rule.name}",
            do="Lengthen training.window, or remove the rule.",
        )
    forest = grow(matrix, rule.trees, rule.sample, seed)
    threshold = float(np.quantile(forest.score(matrix), 1 - rule.share))
    content = forest.save()
    stored = Stored(f"prepare-{rule.name}.safetensors", digest_bytes(content))
    return Isolation(rule.name, rule.columns, centres, threshold, stored, rule.action), content


def isolate(treatment: Isolation, content: bytes | None, schema: Schema) -> Effect:
    """Mark or set aside the rows that the forest sets apart; none of them without a forest."""
    if content is None:
        return _flagged(pl.lit(False), treatment.name, treatment.action, "")
    forest = IsolationForest.load(content)

    def is_out(rows: pl.Series) -> pl.Series:
        matrix = _matrix(rows.struct.unnest(), treatment.centres)
        return pl.Series(rows.name, forest.score(matrix) > treatment.threshold)

    columns = [known(c, schema[c]).cast(pl.Float64).alias(c) for c in treatment.columns]
    out = pl.struct(columns).map_batches(is_out, return_dtype=pl.Boolean, is_elementwise=True)
    return _flagged(out, treatment.name, treatment.action, f"outlier by {treatment.name}")


def _flagged(out: pl.Expr, name: str, action: str, reason: str) -> Effect:
    if action == "mark":
        return Effect((out.alias(f"{name}_outlier"),), out)
    return Effect((), out, pl.when(out).then(pl.lit(reason)))


def _changes(rule: Outliers) -> bool:
    return not isinstance(rule, NoRule) and rule.action == "clip"


def _whole(treatment: Fence) -> bool:
    return all(bound is None or bound.is_integer() for bound in (treatment.low, treatment.high))


def _matrix(table: pl.DataFrame, centres: tuple[float, ...]) -> np.ndarray:
    filled = [table[c].fill_null(centre) for c, centre in zip(table.columns, centres, strict=True)]
    return np.column_stack([column.to_numpy() for column in filled])


def _check_numeric(schema: Schema, rule: IsolationRule) -> None:
    unfit = [c for c in rule.columns if c not in schema or not schema[c].is_numeric()]
    if unfit:
        raise ConfigError(
            "numeric columns of the event table",
            found=", ".join(f"{name}: {schema.get(name, 'not there')}" for name in unfit),
            where=f"prepare.outliers.together, {rule.name}",
            do="Correct the names, or read them as numbers under prepare.types.",
        )


def _learner(column: str, rule: Bounds, values: pl.Expr) -> Learner:
    asked = dict(_statistics(rule, values))

    def treatment(found: Values) -> Fence:
        low, high = _bounds(rule, found)
        return Fence(column, rule.method, low, high, rule.action)

    return Learner(column, asked, treatment)


def _statistics(rule: Bounds, values: pl.Expr) -> Iterator[tuple[str, pl.Expr]]:
    if isinstance(rule, Iqr):
        yield "low", values.quantile(0.25, "linear")
        yield "high", values.quantile(0.75, "linear")
    elif isinstance(rule, Quantiles):
        yield "low", values.quantile(rule.low, "linear")
        yield "high", values.quantile(rule.high, "linear")
    elif isinstance(rule, Mad):
        yield "middle", values.median()
        yield "spread", (values - values.median()).abs().median() * _AS_NORMAL
    else:
        yield "middle", values.mean()
        yield "spread", values.std()


def _bounds(rule: Bounds, found: Values) -> tuple[float | None, float | None]:
    """The bounds; none for a column without spread, of which every other value would be out."""
    if isinstance(rule, (Iqr, Quantiles)):
        low, high = found["low"], found["high"]
        if low is None or high is None or low == high:
            return None, None
        reach = (high - low) * rule.widen if isinstance(rule, Iqr) else 0.0
        return float(low - reach), float(high + reach)
    middle, spread = found["middle"], found["spread"]
    if middle is None or not spread:
        return None, None
    return float(middle - rule.deviations * spread), float(middle + rule.deviations * spread)
