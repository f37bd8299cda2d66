"""A first suite for a table, from its data: something to edit, not something to trust.

What single rows say stays out of it: values are listed only where several rows share each of
them, bounds are quantiles rounded outward, and columns that name things, or that grow from row to
row, get neither sets nor ranges nor a baseline. The suite passes on every batch it came from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
import yaml

from expectations.baseline import drift
from expectations.check import check
from expectations.parameters import escape
from expectations.profile import ColumnProfile, TableProfile, profile
from expectations.suite import ExpectationResult
from expectations.suite_file import load_suite

Entry = dict[str, Any]
_HEAD = """\
# Bootstrapped from {rows} rows: edit it. Critical expectations marked `quarantine` hold the rows
# back that break them; the others stop the night; warnings are only recorded. Worth adding where a
# column dates the rows: expect_column_values_to_be_between from $batch_date to $batch_date + 1d.
"""
_SAFETY = 0.02
_NO_LONGER_ALIKE = 2.0


def bootstrap(batches: Sequence[pl.LazyFrame]) -> tuple[str, TableProfile]:
    """Write a suite for a table.

    Args:
        batches: the table's own columns, without those that only say where a row came from; a
            frame for each batch that is at hand, so that what differs from one to the next is
            given room. At least one.

    Returns:
        The suite file's text, and the profile it was made from: the key and the columns' roles
        serve to write the pipeline file.
    """
    frame = pl.concat(batches)
    measured = profile(frame)
    entries = _fit(batches, list(_entries(frame, measured)))
    body = yaml.safe_dump(
        {"expectations": entries},
        sort_keys=False,
        allow_unicode=True,
        width=100,
        default_flow_style=None,
    )
    return _HEAD.format(rows=measured.rows) + body, measured


def _entries(frame: pl.LazyFrame, table: TableProfile) -> Iterator[Entry]:
    names = [column.name for column in table.columns]
    # a new column is the source's affair: its drift policy says what becomes of it
    yield {
        "type": "expect_table_columns_to_match_set",
        "column_set": names,
        "exact_match": False,
    }
    yield {
        "type": "expect_table_row_count_to_match_history",
        "severity": "warning",
    }
    if len(table.key) == 1:
        yield {"type": "expect_column_values_to_be_unique", "column": table.key[0]}
    elif table.key:
        yield {"type": "expect_compound_columns_to_be_unique", "column_list": [*table.key]}
    drifts = drift(frame, table)
    for column in table.columns:
        yield from _about(column, table)
        if column.name in drifts:
            yield drifts[column.name]


def _about(column: ColumnProfile, table: TableProfile) -> Iterator[Entry]:
    yield {
        "type": "expect_column_type_to_be",
        "column": column.name,
        "type_": str(column.dtype.base_type()),
    }
    yield from _presence(column, table)
    if column.role == "category" and column.counts:
        yield {
            "type": "expect_column_values_to_be_in_set",
            "column": column.name,
            "value_set": [escape(value) for value in column.counts],
            **_mostly(sum(column.counts.values()) / (table.rows - column.missing)),
            "severity": "warning",
        }
    elif column.role == "number":
        yield from _range(column)
    elif column.role == "text" and column.lengths:
        yield {
            "type": "expect_column_value_lengths_to_be_between",
            "column": column.name,
            "min_value": min(column.lengths[0], 1),
            "max_value": _outward(2 * column.lengths[1], up=True),
            "severity": "warning",
        }


def _presence(column: ColumnProfile, table: TableProfile) -> Iterator[Entry]:
    entry = {"type": "expect_column_values_to_not_be_null", "column": column.name}
    if column.role == "empty" or not table.rows:
        return
    if column.name in table.key:
        yield {**entry, "on_failure": "quarantine", "reason": f"no {column.name}"}
    elif not column.missing:
        yield {**entry, "severity": "warning"}
    elif column.missing < (1 - _SAFETY) * table.rows:
        yield {**entry, **_mostly(1 - column.missing / table.rows), "severity": "warning"}


def _range(column: ColumnProfile) -> Iterator[Entry]:
    if not column.quantiles:
        return
    low, high = column.quantiles[0], column.quantiles[-1]
    entry = {"type": "expect_column_values_to_be_between", "column": column.name}
    spread = high - low
    lower = {"min_value": _outward(low - spread / 2, up=False)}
    if column.least is not None and column.least >= 0:
        lower = {}
        yield {**entry, "min_value": 0, "severity": "warning"}
    yield {
        **entry,
        **lower,
        "max_value": _outward(high + spread / 2, up=True),
        "mostly": 0.99,
        "severity": "warning",
    }


def _fit(batches: Sequence[pl.LazyFrame], entries: list[Entry]) -> list[Entry]:
    """Give entries the room that the batches ask for, and drop those for which there is none."""
    suite = load_suite(yaml.safe_dump({"expectations": entries}), "bootstrap", {})
    checked = [check(batch, suite) for batch in batches]
    fitted = (
        entry if all(r.success for r in results) else _relaxed(entry, results)
        for entry, *results in zip(entries, *checked, strict=True)
    )
    return [entry for entry in fitted if entry is not None]


def _relaxed(entry: Entry, results: Sequence[ExpectationResult]) -> Entry | None:
    """The entry with a tolerance that every batch keeps within; None where it has no such."""
    if any(result.error for result in results) or entry.get("severity") != "warning":
        return None
    if "threshold" in entry:
        threshold = _outward(1.5 * max(float(result.observed) for result in results), up=True)
        return {**entry, "threshold": threshold} if threshold < _NO_LONGER_ALIKE else None
    shares = [result.unexpected_percent for result in results]
    if None in shares:
        return None
    tolerance = _mostly(1 - max(share for share in shares if share is not None) / 100)
    return {**entry, **tolerance} if tolerance.get("mostly", 1) > 0 else None


def _outward(value: float, up: bool) -> int | float:
    """Round to two significant digits, away from the data."""
    if value == 0:
        return 0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    steps = math.ceil(value / step) if up else math.floor(value / step)
    # two digits times a power of ten, so written without a float's tail
    rounded = float(f"{steps * step:.2g}")
    return int(rounded) if rounded.is_integer() else rounded


def _mostly(share: float) -> Entry:
    """A little less than the share that was seen; nothing where it was all."""
    return {"mostly": math.floor((share - _SAFETY) * 100) / 100} if share < 1 else {}
