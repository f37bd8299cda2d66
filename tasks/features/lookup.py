"""Features from a dimension table: for each event the newest row known strictly before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl

from tasks.core.errors import ConfigError, DataError
from tasks.core.sql import widened
from tasks.features.codes import Ints
from tasks.features.table_config import LookupFamily
from tasks.features.timeline import Timeline

_KNOWN, _UNTIL, _ROW, _AT = "_known_from", "_known_until", "_row", "_at"
_PLACE, _BEFORE = "_place", "_before"


def lookup(family: LookupFamily, timeline: Timeline) -> pl.DataFrame:
    """Join the events with the dimension as of their time, and take what was asked.

    Args:
        family: which table, by which keys, known since when.
        timeline: its wanted rows are the events.

    Returns:
        One row for each wanted row, in order: `<table>.<column>` and the expressions by name;
        null where nothing was known.

    Raises:
        ConfigError: the table or a column is not there.
        DataError: a key occurs twice in a dimension that has no time.
    """
    table = timeline.dimensions.get(family.table)
    if table is None:
        raise _absent(f"table {family.table}", timeline.dimensions, family)
    events = timeline.asking.with_row_index(_ROW)
    _check(family, events.columns, table.collect_schema().names())
    keyed = events.with_columns(_keys(family.on.keys()))
    dimension = _dimension(family, table)
    if family.known_from is None:
        joined = _join(keyed, dimension, family)
    else:
        joined = _join_as_of(keyed, dimension, family, timeline.time)
    return widened(joined.sort(_ROW), family.expressions.values()).select(_taken(family))


def _dimension(family: LookupFamily, table: pl.LazyFrame) -> pl.DataFrame:
    """The dimension's columns as `<table>_<column>`, its keys, and when a row was known."""
    own = [name for name in table.collect_schema().names() if not name.startswith("_")]
    return (
        table.select(
            *(pl.col(name).alias(f"{family.table}_{name}") for name in own),
            *_keys(family.on.values()),
            _instant(family.known_from).alias(_KNOWN),
            _instant(family.known_until).alias(_UNTIL),
        )
        .drop_nulls(_key_names(family))
        .collect()
    )


def _join(events: pl.DataFrame, dimension: pl.DataFrame, family: LookupFamily) -> pl.DataFrame:
    names = _key_names(family)
    twice = dimension.height - dimension.n_unique(names)
    if twice:
        raise DataError(
            f"one row a key in dimension {family.table}, which has no `known_from`",
            found=f"{twice} rows more than keys",
            where=f"features, lookup in {family.table}",
            do="Make the key unique in its suite, or name `known_from`.",
        )
    return events.join(dimension, on=names, how="left")


def _join_as_of(
    events: pl.DataFrame, dimension: pl.DataFrame, family: LookupFamily, time: str
) -> pl.DataFrame:
    # The join takes unsorted input with no more than a warning, and its default takes rows of
    # the very instant: both would let the future in.
    names = _key_names(family)
    known = (
        dimension.drop_nulls(_KNOWN)
        .sort(_KNOWN, *sorted(dimension.columns), nulls_last=True)
        .with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(_PLACE))
    )
    newest = events.with_columns(_instant(time).alias(_AT)).join_asof(
        known.select(*names, _KNOWN, _PLACE).set_sorted(_KNOWN),
        left_on=_AT,
        right_on=_KNOWN,
        by=names,
        strategy="backward",
        allow_exact_matches=False,
        coalesce=False,
        check_sortedness=False,
    )
    valid = newest.drop(_KNOWN).with_columns(_valid(newest, known, names))
    return valid.join(known.drop(names), on=_PLACE, how="left")


def _valid(newest: pl.DataFrame, known: pl.DataFrame, names: list[str]) -> pl.Series:
    """The place of the newest row that has not ended: where the last one has, of those before."""
    until = known[_UNTIL].cast(pl.Int64).fill_null(np.iinfo(np.int64).max).to_numpy()
    before = known.select(pl.col(_PLACE).shift(1, fill_value=-1).over(names)).to_series()
    longer = _longer(before.to_numpy().copy(), until)
    places: Ints = newest[_PLACE].fill_null(-1).to_numpy().copy()
    at = newest[_AT].cast(pl.Int64).to_numpy()
    there = np.flatnonzero(places >= 0)
    while len(there := there[(places[there] >= 0) & (until[places[there]] <= at[there])]):
        places[there] = longer[places[there]]
    return pl.Series(_PLACE, places)


def _longer(before: Ints, until: Ints) -> Ints:
    """For each row the last before it of its key that ends later; -1 where none does."""
    rows = np.arange(len(before))
    while len(rows := rows[(before[rows] >= 0) & (until[before[rows]] <= until[rows])]):
        before[rows] = before[before[rows]]
    return before


def _taken(family: LookupFamily) -> Iterator[pl.Expr]:
    for column in family.columns:
        yield pl.col(f"{family.table}_{column}").alias(f"{family.table}.{column}")
    for name, expression in family.expressions.items():
        yield pl.sql_expr(expression).alias(name)
    if family.age:
        hours = (pl.col(_AT) - pl.col(_KNOWN)).dt.total_seconds() / 3600
        yield hours.alias(f"{family.table}.age_hours")


def _keys(columns: Iterable[str]) -> Iterator[pl.Expr]:
    """Keys as text: an Int32 of the events meets an Int64 of the dimension."""
    for position, column in enumerate(columns):
        yield pl.col(column).cast(pl.String).alias(f"_key_{position}")


def _key_names(family: LookupFamily) -> list[str]:
    return [f"_key_{position}" for position in range(len(family.on))]


def _instant(column: str | None) -> pl.Expr:
    """To the microsecond: a coarser unit would round what was known after to before."""
    return (
        pl.lit(None, pl.Datetime("us"))
        if column is None
        else pl.col(column).cast(pl.Datetime("us"))
    )


def _check(family: LookupFamily, events: list[str], dimension: list[str]) -> None:
    times = [column for column in (family.known_from, family.known_until) if column]
    for column in family.on:
        if column not in events:
            raise _absent(f"event column {column}", events, family)
    for column in (*family.on.values(), *times, *family.columns):
        if column not in dimension:
            raise _absent(f"column {column} of {family.table}", dimension, family)


def _absent(what: str, there: Iterable[str], family: LookupFamily) -> ConfigError:
    return ConfigError(
        what,
        found=f"only {', '.join(there) or 'none'}",
        where=f"features, lookup in {family.table}",
        do="Correct the name in the pipeline file.",
    )
