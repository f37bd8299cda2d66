"""Rules about how far a value lies from the others: z-scores and outliers."""

from __future__ import annotations

import polars as pl
from great_expectations.expectations.metrics.column_aggregate_metrics.column_outlier_statistics import (  # noqa: E501
    IQR_METHOD,
    validate_method,
)

from expectations.engine.domain import Domain
from expectations.engine.predicates.base import predicate


def _numbers(domain: Domain) -> pl.Expr:
    dtype = domain.dtype()
    if not (dtype.is_numeric() or isinstance(dtype, pl.Null)):
        raise TypeError(f"The distance of values from each other needs numbers, found {dtype}.")
    return domain.column().cast(pl.Float64)


@predicate("column_values.z_score.under_threshold", narrow=True)
def is_under_threshold(domain: Domain) -> pl.Expr:
    values = _numbers(domain)
    threshold: float = domain.values["threshold"]
    counted = domain.within(values)
    score = (values - counted.mean()) / counted.std()
    under = score.abs() < abs(threshold) if domain.values.get("double_sided") else score < threshold
    # a column without spread has no scores, and then no value is far away
    return under | score.is_nan().fill_null(True) | (counted.std() == 0)


@predicate("column_values.not_outliers", narrow=True)
def is_no_outlier(domain: Domain) -> pl.Expr:
    method = domain.values.get("method") or IQR_METHOD
    validate_method(method)
    multiplier = domain.values.get("multiplier")
    reach = 1.5 if multiplier is None else multiplier
    values = _numbers(domain)
    within = _in_fences if method == IQR_METHOD else _near_mean
    inside, basis = within(values, domain.within(values), reach)
    # without finite references there is no basis for calling a value an outlier
    return inside | ~basis.is_finite().fill_null(False)


def _in_fences(values: pl.Expr, counted: pl.Expr, reach: float) -> tuple[pl.Expr, pl.Expr]:
    lower, upper = counted.quantile(0.25, "linear"), counted.quantile(0.75, "linear")
    spread = upper - lower
    inside = (values >= lower - reach * spread) & (values <= upper + reach * spread)
    return inside, spread


def _near_mean(values: pl.Expr, counted: pl.Expr, reach: float) -> tuple[pl.Expr, pl.Expr]:
    mean, spread = counted.mean(), counted.std()
    near = (values - mean).abs() < reach * spread
    # a strict comparison with a threshold of zero would admit nothing at all
    return near | ((reach * spread <= 0) & (values == mean)), mean + spread
