"""Missing values that a model tells from the other columns of their row."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.core.errors import ConfigError, DataError
from tasks.core.keys import digest_bytes
from tasks.core.treatments import Prediction, Scalar, Stored
from tasks.models.base import Matrix
from tasks.models.imputation import fit_imputer, load_imputer
from tasks.prepare.columns import Effect, Schema, is_missing, kind_of, known
from tasks.prepare.missing import indicator
from tasks.prepare.rules import Predicted

_MOST_CLASSES = 100
_TARGET = "_target"


def fit_prediction(
    rows: pl.LazyFrame, schema: Schema, column: str, rule: Predicted
) -> tuple[Prediction, bytes]:
    """Fit the model of one column on training rows that have its value.

    Args:
        rows: in an order that the input's order has no part in.
        schema: their columns.
        column: the column to tell.
        rule: from which columns, and how.

    Raises:
        ConfigError: an input is not there, or no number.
        DataError: no row has a value, or there are too many different ones.
    """
    where = f"prepare.missing, column {column}"
    _check_inputs(schema, column, rule, where)
    inputs = [_number(name, schema).alias(name) for name in rule.inputs]
    target = pl.when(~is_missing(column, schema[column])).then(known(column, schema[column]))
    table = rows.select(*inputs, target.alias(_TARGET)).drop_nulls(_TARGET).collect()
    if table.is_empty():
        raise DataError(
            "a training row with a value to learn from",
            found=f"no value of {column} at all",
            where=where,
            do="Lengthen training.window, or use another rule.",
        )
    table = table.gather_every(-(-table.height // rule.max_rows))
    classes = _classes(table[_TARGET], where) if kind_of(schema[column]) != "numeric" else ()
    content = fit_imputer(
        _matrix(table.select(rule.inputs)),
        _places(table[_TARGET], classes),
        len(classes),
        rounds=rule.rounds,
        depth=rule.depth,
        learning_rate=rule.learning_rate,
    )
    stored = Stored(f"prepare-{digest_bytes(column.encode())[:8]}.ubj", digest_bytes(content))
    return Prediction(column, rule.inputs, classes, stored, rule.indicator), content


def predict(treatment: Prediction, content: bytes | None, schema: Schema) -> Effect:
    """Fill what is missing with what the model tells; whole numbers stay whole.

    Without a model gaps stay gaps.
    """
    if content is None:
        gap = is_missing(treatment.column, schema[treatment.column])
        return Effect(
            indicator(treatment.column, gap) if treatment.indicator else (), pl.lit(False)
        )
    imputer = load_imputer(content, len(treatment.classes))
    dtype = schema[treatment.column]
    absent = is_missing(treatment.column, dtype)
    values = pl.col(treatment.column)
    if dtype.is_decimal():
        values, dtype = values.cast(pl.Float64), pl.Float64()
    if dtype in (pl.Categorical, pl.Enum):
        values, dtype = values.cast(pl.String), pl.String()

    def tell(rows: pl.Series) -> pl.Series:
        table = rows.struct.unnest()
        # Polars may hand over null for rows that another branch of `when` is taken for.
        gaps = table[_TARGET].fill_null(False).to_numpy()
        told = np.zeros(len(gaps))
        told[gaps] = imputer.tell(_matrix(table.select(treatment.inputs).filter(gaps)))
        if treatment.classes:
            return pl.Series(treatment.classes, dtype=dtype).gather(told.astype(np.uint32))
        whole = np.round(told) if dtype.is_integer() else told
        return pl.Series(whole).cast(dtype, strict=False)

    numbers = [_number(name, schema).alias(name) for name in treatment.inputs]
    told = pl.struct(*numbers, absent.alias(_TARGET)).map_batches(
        tell, return_dtype=dtype, is_elementwise=True
    )
    filled = pl.when(absent).then(told).otherwise(values).alias(treatment.column)
    marks = indicator(treatment.column, absent) if treatment.indicator else ()
    return Effect((*marks, filled), absent)


def _number(column: str, schema: Schema) -> pl.Expr:
    single = known(column, schema[column]).cast(pl.Float32)
    return pl.when(single.is_finite()).then(single)


def _matrix(table: pl.DataFrame) -> Matrix:
    filled = table.select(pl.all().fill_null(float("nan")))
    return np.ascontiguousarray(filled.to_numpy(), np.float32)


def _places(values: pl.Series, classes: tuple[Scalar, ...]) -> np.ndarray:
    if not classes:
        return values.cast(pl.Float64).to_numpy()
    places = {value: float(place) for place, value in enumerate(classes)}
    return np.array([places[value] for value in values.to_list()])


def _classes(values: pl.Series, where: str) -> tuple[Scalar, ...]:
    found = tuple(values.unique().sort().to_list())
    if len(found) > _MOST_CLASSES:
        raise DataError(
            f"at most {_MOST_CLASSES} different values for a model to tell apart",
            found=f"{len(found)}",
            where=where,
            do="Group the rare ones under prepare.categories, or use another rule.",
        )
    return found


def _check_inputs(schema: Schema, column: str, rule: Predicted, where: str) -> None:
    unfit = [
        name
        for name in rule.inputs
        if name not in schema or kind_of(schema[name]) not in {"numeric", "boolean"}
    ]
    if unfit or column in rule.inputs:
        raise ConfigError(
            "numeric or boolean columns of the event table under `inputs`, the column itself apart",
            found=", ".join(f"{name}: {schema.get(name, 'not there')}" for name in unfit) or column,
            where=where,
            do="Correct the names, or read them as numbers under prepare.types.",
        )
