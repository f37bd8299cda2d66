"""The label's column is known only once its delay has passed: who would read it before that."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import polars as pl

from tasks.features.config import FeaturesConfig
from tasks.features.family import FamilyConfig
from tasks.features.learned_config import LearnedFamily, TargetRateFamily
from tasks.features.past_config import OF_OWN_VALUE, HistoryFamily, RiskFamily
from tasks.features.table_config import EventsFamily, LookupFamily

_NAMES = frozenset({"columns", "log", "missing", "of", "entity", "by", "unchanged", "column"})
_PAIRS = frozenset({"ratios", "differences", "products", "hashed"})
_KEYS = frozenset({"one_hot", "ordinal", "edges", "on"})
_SQL_BY_NAME = frozenset({"expressions", "values", "conditions"})
_OF_THE_PAST = frozenset({"values", "where", "distinct"})


def early_readers(
    config: FeaturesConfig, table: str, label: str | None, delay: dt.timedelta
) -> Iterator[tuple[str, str]]:
    """The families that would read a label before it is known, and what they do.

    A family of past rows may read it with a `delay` no shorter than the label's. What a function
    of one's own reads is not known here; `prove-no-leak` tells.

    Args:
        config: the families.
        table: the event table.
        label: the label's column; None where the label is a later row.
        delay: time from an event until its label is known.
    """
    for position, family in enumerate(config.root):
        where = f"features[{position}], family {family.family}"
        own: dt.timedelta | None = getattr(family, "delay", None)
        takes = isinstance(family, TargetRateFamily) or (
            isinstance(family, RiskFamily) and family.where is None
        )
        if takes and own is not None and own < delay:
            yield where, "takes labels with a `delay` shorter than the label's"
        if label is None:
            continue
        fields = set(_reading(family, table, label))
        waits = _waits(family) and (own or dt.timedelta(0)) >= delay
        for field in sorted(fields - (_OF_THE_PAST if waits else frozenset())):
            yield where, f"reads the label's column {label!r} in `{field}`"


def _waits(family: FamilyConfig) -> bool:
    """Whether values and conditions are of past rows alone."""
    if isinstance(family, HistoryFamily):
        return not OF_OWN_VALUE & set(family.statistics)
    return isinstance(family, (EventsFamily, RiskFamily))


def _reading(family: FamilyConfig, table: str, label: str) -> Iterator[str]:
    """The fields of a family that name a column of the event table."""
    elsewhere: set[str] = set()
    if isinstance(family, (EventsFamily, LookupFamily)) and family.table != table:
        elsewhere = {"columns", "values", "where", "distinct"}
    if isinstance(family, LearnedFamily):
        elsewhere = {"of"}
    for field, value in family:
        if field not in elsewhere and label in _columns(field, value):
            yield field


def _columns(field: str, value: Any) -> set[str]:
    if not value:
        return set()
    if field in _PAIRS:
        return {column for columns in value for column in columns}
    if field in _SQL_BY_NAME:
        return {name for sql in value.values() for name in pl.sql_expr(sql).meta.root_names()}
    if field == "where":
        return set(pl.sql_expr(value).meta.root_names())
    if field in _NAMES | {"distinct"} | _KEYS:
        return {value} if isinstance(value, str) else set(value)
    return set()
