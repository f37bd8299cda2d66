"""Metrics of one column that are a single number: counts, sums, moments, extremes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from great_expectations.expectations.metrics.column_aggregate_metrics import (
    column_outlier_statistics as outliers,
)
from great_expectations.metrics.column.descriptive_stats import DescriptiveStats

from expectations.engine.domain import Domain
from expectations.engine.plan import Reduction, unchanged
from expectations.engine.predicates.ranges import is_between
from expectations.engine.predicates.text import as_text, found
from expectations.engine.registration import provides


def numbers(domain: Domain) -> pl.Expr:
    """The column's values as numbers that have moments: decimals and untyped nulls are floats."""
    values, dtype = domain.values_of(), domain.dtype()
    return values.cast(pl.Float64) if isinstance(dtype, pl.Decimal | pl.Null) else values


def _reduces(
    name: str,
    build: Callable[[Domain], pl.Expr],
    *,
    narrow: bool = False,
    finish: Callable[[Any], Any] = unchanged,
) -> None:
    provides(name)(lambda domain: Reduction(build(domain), finish, narrow))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0


def _row_count(domain: Domain) -> pl.Expr:
    return pl.len() if domain.rows is None else domain.rows.sum()


_reduces("column.min", lambda d: d.values_of().min())
_reduces("column.max", lambda d: d.values_of().max())
_reduces("column.sum", lambda d: numbers(d).sum(), finish=lambda total: total or 0)
_reduces("column.mean", lambda d: numbers(d).mean())
_reduces("column.standard_deviation", lambda d: numbers(d).std())
_reduces("column.median", lambda d: numbers(d).median(), narrow=True)
_reduces("column.non_null_count", lambda d: d.values_of().count())
_reduces("column_values.nonnull.count", lambda d: d.values_of().count(), finish=np.int64)
_reduces("column_values.null.count", lambda d: d.values_of().null_count())
_reduces("column_values.between.count", lambda d: d.within(is_between(d)).sum())
_reduces("column_values.length.min", lambda d: d.within(as_text(d)).str.len_chars().min())
_reduces("column_values.length.max", lambda d: d.within(as_text(d)).str.len_chars().max())
_reduces("column_values.match_regex.count", lambda d: d.within(found(d, "regex")).sum())
_reduces("column_values.not_match_regex.count", lambda d: d.within(~found(d, "regex")).sum())
_reduces(
    "column.non_null_proportion",
    lambda d: pl.struct(part=d.values_of().count(), whole=_row_count(d)),
    finish=lambda counts: _share(**counts),
)
_reduces(
    "column.descriptive_stats",
    lambda d: pl.struct(
        min=d.values_of().min(),
        max=d.values_of().max(),
        mean=numbers(d).mean(),
        standard_deviation=numbers(d).std(),
    ),
    finish=lambda statistics: DescriptiveStats(**statistics),
)


@provides("column.unique_proportion")
def unique_proportion(domain: Domain) -> Reduction:
    """Distinct values for each value that is present, 0 where none is."""
    present = domain.values_of().drop_nulls()
    counts = pl.struct(part=present.n_unique(), whole=present.len())
    return Reduction(counts, lambda found: _share(**found), narrow=True)


@provides("column.outlier_statistics")
def outlier_statistics(domain: Domain) -> Reduction:
    """The references and the spread that a window of acceptable values is built from."""
    method = domain.values.get("method", outliers.IQR_METHOD)
    outliers.validate_method(method)
    if method == outliers.IQR_METHOD:
        quartiles = pl.struct(
            lower=numbers(domain).quantile(0.25, "linear"),
            upper=numbers(domain).quantile(0.75, "linear"),
        )
        return Reduction(quartiles, _quartile_statistics, narrow=True)
    moments = pl.struct(center=numbers(domain).mean(), spread=numbers(domain).std())
    return Reduction(moments, _moment_statistics)


def _quartile_statistics(quartiles: dict[str, Any]) -> outliers.OutlierStatistics:
    lower, upper = outliers._to_float(quartiles["lower"]), outliers._to_float(quartiles["upper"])
    return outliers.OutlierStatistics(lower, upper, outliers._spread_between(lower, upper))


def _moment_statistics(moments: dict[str, Any]) -> outliers.OutlierStatistics:
    return outliers.OutlierStatistics.symmetric(
        center=outliers._to_float(moments["center"]), spread=outliers._to_float(moments["spread"])
    )
