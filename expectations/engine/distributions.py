"""Metrics that describe how the values of a column are spread: quantiles, bins, counts."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from great_expectations.expectations.metrics.column_aggregate_metrics.column_partition import (
    _get_column_partition_using_metrics as bins_from_metrics,
)
from polars._typing import QuantileMethod

from expectations.engine.aggregates import numbers
from expectations.engine.domain import Domain
from expectations.engine.literals import comparable
from expectations.engine.plan import Reduction
from expectations.engine.registration import provides

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _interpolation(domain: Domain) -> QuantileMethod:
    chosen: Any = domain.values.get("allow_relative_error") or "nearest"
    if chosen not in _INTERPOLATIONS:
        raise ValueError(
            f"allow_relative_error must be one of {_INTERPOLATIONS} on Polars, found {chosen!r}."
        )
    method: QuantileMethod = chosen
    return method


@provides("column.quantile_values")
def quantiles(domain: Domain) -> Reduction:
    """The values at the wanted quantiles."""
    wanted = [float(q) for q in domain.values["quantiles"]]
    return Reduction(_quantiles(domain, wanted), list, narrow=True)


def _quantiles(domain: Domain, shares: list[float]) -> pl.Expr:
    method = _interpolation(domain)
    if method != "nearest":
        return numbers(domain).quantile(shares, method)
    # halfway between two values numpy takes the even position, Polars the upper one
    ordered = numbers(domain).drop_nulls().sort()
    last = ordered.len().cast(pl.Float64) - 1
    positions = [(last * share).round(mode="half_to_even").cast(pl.Int64) for share in shares]
    return pl.concat_list([ordered.get(at, null_on_oob=True) for at in positions])


@provides("column.value_counts")
def value_counts(domain: Domain) -> Reduction:
    """How often each value is present, as a pandas series in the order of the values.

    Raises:
        ValueError: an unknown order, or a collation, is asked for.
    """
    order = domain.values.get("sort") or "value"
    if order not in ("value", "count", "none"):
        raise ValueError("sort must be either 'value', 'count', or 'none'")
    if domain.values.get("collate") is not None:
        raise ValueError("collate is not supported on Polars")
    counted = domain.values_of().drop_nulls().value_counts().implode()
    return Reduction(counted, lambda rows: _as_series(rows, order), narrow=True)


def _as_series(rows: list[dict[str, Any]], order: str) -> pd.Series[int]:
    pairs = [tuple(row.values()) for row in rows]
    if order != "none":
        pairs.sort(key=lambda pair: pair[order == "count"])
    index = pd.Index([value for value, _ in pairs], name="value")
    return pd.Series([count for _, count in pairs], index=index, name="count", dtype="int64")


@provides("column.histogram")
def histogram(domain: Domain) -> Reduction:
    """How many values lie in each bin; only the last bin holds its right edge."""
    values, dtype = domain.values_of(), domain.dtype()
    edges = [comparable(edge, dtype) for edge in domain.values["bins"]]
    bins = list(pairwise(edges))
    counts = [values.is_between(low, high, "left").sum() for low, high in bins[:-1]]
    counts += [values.is_between(low, high, "both").sum() for low, high in bins[-1:]]
    if not counts:
        return Reduction(pl.lit(0), lambda _: [])
    return Reduction(pl.concat_list(counts), list)


_QUANTILE_BINS = ("ntile", "quantile", "percentile")
_QUARTILES = [0.0, 0.25, 0.75, 1.0]


@provides("column.partition")
def partition(domain: Domain) -> Reduction:
    """The edges of the bins that the values fall into.

    Raises:
        ValueError: the way to choose the bins is unknown.
        TypeError: the bins are quantiles, and the values have none.
    """
    kind: Any = domain.values.get("bins") or "uniform"
    n_bins = int(domain.values.get("n_bins") or 10)
    if kind == "uniform":
        parts = {"column.min": domain.values_of().min(), "column.max": domain.values_of().max()}
    elif kind in _QUANTILE_BINS or kind == "auto":
        _check_has_quantiles(domain)
        shares = _QUARTILES if kind == "auto" else np.linspace(0, 1, n_bins + 1).tolist()
        parts = {
            "column.quantile_values": _quantiles(domain, shares),
            "column_values.nonnull.count": domain.values_of().count(),
        }
    else:
        raise ValueError("Invalid parameter for bins argument")

    def edges(metrics: dict[str, Any]) -> list[Any]:
        if kind == "auto" and not metrics["column_values.nonnull.count"]:
            raise ValueError("A column without values has no bins.")
        found = bins_from_metrics(bins=kind, n_bins=n_bins, _metrics=metrics)
        # a column without values has no edges, and no histogram can be made from these
        return [math.nan] * (n_bins + 1) if found is None else list(found)

    return Reduction(
        pl.struct([expr.alias(name) for name, expr in parts.items()]),
        edges,
        narrow=kind != "uniform",
    )


def _check_has_quantiles(domain: Domain) -> None:
    dtype = domain.dtype()
    if not (dtype.is_numeric() or isinstance(dtype, pl.Boolean | pl.Null)):
        raise TypeError(
            f"Bins between quantiles need numbers, found a column of {dtype}; give the partition, "
            "or do without bins (bucketize_data: false)."
        )
