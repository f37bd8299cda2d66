"""Columns on another scale, each beside the column it was made of.

Conditions, histories and expressions go on reading the column as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl
from scipy.special import ndtri

from tasks.core.treatments import Scaling
from tasks.prepare.columns import Effect, Held, Kind, Schema, Type, choose, known
from tasks.prepare.config import ScalingConfig
from tasks.prepare.rules import NoRule, Scale, Scales
from tasks.prepare.statistics import Learner, Values

_FURTHEST = 1e-7  # of a quantile from 0 and 1: a normal column ends at 5.2 deviations


def scalings(schema: Schema, config: ScalingConfig, held: Held) -> Iterator[Learner]:
    """What to learn for the columns with a rule."""
    by_type: Mapping[Kind, Scales] = {"numeric": config.numeric}
    for column, rule in choose(schema, by_type, config.columns, held, "prepare.scaling", _changes):
        if not isinstance(rule, NoRule):
            yield _learner(column, rule, known(column, schema[column]))


def scale(treatment: Scaling, dtype: Type) -> Effect:
    """Add the scaled column; what is missing or no finite number is missing in it."""
    values = known(treatment.column, dtype).cast(pl.Float64)
    if treatment.method == "quantile_normal":
        scaled = _normal(values, np.array(treatment.knots))
    else:
        scaled = (values - treatment.centre) / treatment.spread
    return Effect((scaled.alias(f"{treatment.column}_scaled"),), values.is_not_null())


def _changes(_: Scales) -> bool:
    return False


def _learner(column: str, rule: Scale, values: pl.Expr) -> Learner:
    asked = dict(_statistics(rule, values))

    def treatment(found: Values) -> Scaling:
        if rule.method == "quantile_normal":
            knots = tuple(float(knot) for knot in found["knots"] or () if knot is not None)
            return Scaling(column, rule.method, knots=knots)
        centre, spread = float(found["centre"] or 0.0), float(found["spread"] or 0.0)
        # A column that never changed is shifted only.
        return Scaling(column, rule.method, centre, spread or 1.0)

    return Learner(column, asked, treatment)


def _statistics(rule: Scale, values: pl.Expr) -> Iterator[tuple[str, pl.Expr]]:
    match rule.method:
        case "standard":
            yield "centre", values.mean()
            yield "spread", values.std(ddof=0)
        case "robust":
            yield "centre", values.median()
            quartiles = [values.quantile(share, "linear") for share in (0.75, 0.25)]
            yield "spread", quartiles[0] - quartiles[1]
        case "minmax":
            yield "centre", values.min()
            yield "spread", values.max().cast(pl.Float64) - values.min()
        case _:
            # All at once, so that the column is sorted once.
            yield "knots", values.quantile(np.linspace(0, 1, rule.quantiles).tolist(), "linear")


def _normal(values: pl.Expr, knots: np.ndarray) -> pl.Expr:
    """To the normal quantile of a value's rank among the knots; ties take the middle rank."""
    if not len(knots):
        return values * 0.0
    shares = np.linspace(0, 1, len(knots))

    def transform(column: pl.Series) -> pl.Series:
        x = column.to_numpy()
        upper = np.interp(x, knots, shares)
        lower = -np.interp(-x, -knots[::-1], -shares[::-1])
        ranks = np.clip((upper + lower) / 2, _FURTHEST, 1 - _FURTHEST)
        return pl.Series(column.name, ndtri(ranks)).fill_nan(None)

    return values.map_batches(transform, return_dtype=pl.Float64, is_elementwise=True)
