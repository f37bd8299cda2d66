"""Drift baselines: how the values of a column are spread, to compare later nights with."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import polars as pl

from expectations.parameters import escape
from expectations.profile import ColumnProfile, TableProfile

MIN_ROWS = 1000
_THRESHOLD = 0.1


def drift(frame: pl.LazyFrame, table: TableProfile) -> dict[str, dict[str, Any]]:
    """The entries of a suite that compare columns with how they are spread now.

    The distance is the Kullback-Leibler divergence of tonight's spread from the baseline's: over
    categories, or over bins between the quantiles of a number.

    Args:
        frame: the table that becomes the baseline.
        table: its profile; ids, times and texts have no baseline.

    Returns:
        An entry a column, by name; none for a column of under 1,000 values, whose spread is noise.
    """
    partitions = {**_of_categories(table), **_of_numbers(frame, table)}
    return {
        name: {
            "type": "expect_column_kl_divergence_to_be_less_than",
            "column": name,
            "threshold": _THRESHOLD,
            "severity": "warning",
            "partition_object": partition,
            # set aside for what the baseline never saw: one new value is no infinite distance
            "tail_weight_holdout": 0.01,
            **({"internal_weight_holdout": 0.01} if "bins" in partition else {}),
        }
        for name, partition in partitions.items()
    }


def _of_categories(table: TableProfile) -> dict[str, dict[str, Any]]:
    return {
        c.name: {
            "values": [escape(value) for value in c.counts],
            "weights": _shares(list(c.counts.values())),
        }
        for c in table.columns
        if c.role == "category"
        and c.counts
        and len(c.counts) > 1
        and sum(c.counts.values()) >= MIN_ROWS
    }


def _of_numbers(frame: pl.LazyFrame, table: TableProfile) -> dict[str, dict[str, Any]]:
    numbers = (c for c in table.columns if c.role == "number")
    enough = (c for c in numbers if table.rows - c.missing >= MIN_ROWS)
    edges = {c.name: _edges(c) for c in enough}
    edges = {name: bins for name, bins in edges.items() if len(bins) > 2}
    counted = [
        inside.alias(f"{name}\0{position}")
        for name, bins in edges.items()
        for position, inside in enumerate(_inside(name, bins))
    ]
    found = frame.select(counted).collect(engine="streaming").row(0, named=True) if counted else {}
    return {
        name: {
            "bins": bins,
            "weights": _shares([found[f"{name}\0{i}"] for i in range(len(bins) - 1)]),
        }
        for name, bins in edges.items()
    }


def _edges(column: ColumnProfile) -> list[float]:
    """Edges at the quantiles, to three digits: no row's own value. The tails have no edge."""
    return sorted({float(f"{edge:.3g}") for edge in column.quantiles})


def _inside(name: str, bins: list[float]) -> list[pl.Expr]:
    """Rows in each half-open bin; the last one holds its upper edge too, as numpy's do."""
    values = pl.col(name).cast(pl.Float64)
    spans = list(pairwise(bins))
    return [
        values.is_between(low, high, closed="both" if i == len(spans) - 1 else "left").sum()
        for i, (low, high) in enumerate(spans)
    ]


def _shares(counts: list[int]) -> list[float]:
    """Each count's share, in six digits; the greatest takes what rounding left over."""
    shares = [round(count / sum(counts), 6) for count in counts]
    greatest = shares.index(max(shares))
    others = sum(share for i, share in enumerate(shares) if i != greatest)
    return [round(1 - others, 6) if i == greatest else share for i, share in enumerate(shares)]
