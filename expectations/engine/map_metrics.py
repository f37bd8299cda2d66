"""The metrics that Great Expectations derives from a rule about rows.

For each predicate: how many rows break it, and for the first of these their values, their
positions or keys, and the rows themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
from great_expectations.constants import MAX_RESULT_RECORDS

from expectations.engine.domain import Domain
from expectations.engine.plan import Reduction, Sample
from expectations.engine.predicates import PREDICATES, unexpected
from expectations.engine.registration import provides

ROW_POSITION = "__row_position__"


def _count(name: str, domain: Domain) -> Reduction:
    rule = {key: value for key, value in domain.values.items() if key != "result_format"}
    key = repr((name, sorted(domain.kwargs.items()), sorted(rule.items())))
    return Reduction(unexpected(name, domain).sum(), int, PREDICATES[name].narrow, key)


def _sample(
    name: str,
    domain: Domain,
    columns: tuple[str, ...] | None,
    limit: int | None,
    finish: Callable[[pl.DataFrame], Any],
) -> Sample | list[Any]:
    if limit == 0:
        return []
    return Sample(unexpected(name, domain), _count(name, domain), columns, limit, finish)


def _record_limit(domain: Domain) -> int:
    wanted = domain.values["result_format"]
    if wanted["result_format"] == "COMPLETE":
        return MAX_RESULT_RECORDS
    return min(int(wanted["partial_unexpected_count"]), MAX_RESULT_RECORDS)


def _index_limit(domain: Domain) -> int | None:
    wanted = domain.values["result_format"]
    if wanted["result_format"] == "COMPLETE":
        return None
    return int(wanted["partial_unexpected_count"])


def _values(name: str, domain: Domain) -> Sample | list[Any]:
    """The values that break the rule: scalars, pairs or records, as the rule has columns."""
    finish: Callable[[pl.DataFrame], Any] = pl.DataFrame.rows
    if domain.kwargs.get("column"):
        finish = _only_column
    elif domain.kwargs.get("column_list"):
        finish = _records
    return _sample(name, domain, domain.column_names, _record_limit(domain), finish)


def _index_list(name: str, domain: Domain) -> Sample | list[Any]:
    """Where the rule is broken: positions in the batch, or the values of the key columns."""
    wanted: Mapping[str, Any] = domain.values["result_format"]
    keys = wanted.get("unexpected_index_column_names")
    if not keys:
        return _sample(name, domain, (ROW_POSITION,), _index_limit(domain), _only_column)
    for key in keys:
        domain.column(key)
    if wanted.get("exclude_unexpected_values"):
        return _sample(name, domain, tuple(keys), _index_limit(domain), _lists)
    columns = tuple(dict.fromkeys((*domain.column_names, *keys)))
    return _sample(name, domain, columns, _index_limit(domain), _records)


def _index_query(name: str, domain: Domain) -> str | None:
    """The filter that finds the rows again, as Polars prints it."""
    if domain.values["result_format"].get("return_unexpected_index_query") is False:
        return None
    return f"frame.filter({unexpected(name, domain)})"


def _rows(name: str, domain: Domain) -> Sample | list[Any]:
    return _sample(name, domain, None, _record_limit(domain), _records)


def _filtered_row_count(_: str, domain: Domain) -> Reduction:
    return Reduction(pl.len() if domain.rows is None else domain.rows.sum(), int)


def _only_column(rows: pl.DataFrame) -> list[Any]:
    return rows.to_series().to_list()


def _records(rows: pl.DataFrame) -> list[dict[str, Any]]:
    return rows.rows(named=True)


def _lists(rows: pl.DataFrame) -> list[dict[str, list[Any]]]:
    """One record that holds a list for each column, as Great Expectations shows bare keys."""
    return [rows.to_dict(as_series=False)] if len(rows) else []


_DERIVED: dict[str, Callable[[str, Domain], Any]] = {
    "condition": unexpected,
    "unexpected_count": _count,
    "unexpected_values": _values,
    "unexpected_index_list": _index_list,
    "unexpected_index_query": _index_query,
    "unexpected_rows": _rows,
    "filtered_row_count": _filtered_row_count,
}


def _derive(name: str, suffix: str) -> None:
    build = _DERIVED[suffix]
    provides(f"{name}.{suffix}")(lambda domain: build(name, domain))


for _name in PREDICATES:
    for _suffix in _DERIVED:
        _derive(_name, _suffix)
