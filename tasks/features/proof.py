"""Show that no feature of an event depends on what came at its time or after.

At each cut-off one event is picked. Everything that was not known strictly before it is removed,
or replaced by rows that never were; the features of that event, and of the events before it, may
not move. What is known together with an event, the rows of its own transaction, stays.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

Builder = Callable[[pl.DataFrame, pl.Series, Mapping[str, pl.DataFrame]], pl.DataFrame]

_ROW = "_row"


@dataclass(frozen=True, slots=True)
class Knowledge:
    """When what the features are built from is known.

    Args:
        time: the time column of the rows.
        key: columns that identify a row; the future keeps no key of the past.
        together: columns that name a transaction, whose rows of one time are known together.
        late: columns that are known only some time after their row, labels for example.
        dimensions: the column, by dimension table, with the time a row was known from.
    """

    time: str
    key: tuple[str, ...]
    together: tuple[str, ...] = ()
    late: Mapping[str, dt.timedelta] = field(default_factory=dict)
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Leak:
    """A feature that moved.

    Args:
        feature: its name.
        cut_off: the time from which the future was changed.
        event_time: the time of the event whose feature moved.
        change: what was done to the future: `removed` or `replaced`.
        before: the feature's value.
        after: its value with another future.
    """

    feature: str
    cut_off: dt.datetime
    event_time: dt.datetime
    change: str
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Proof:
    """What was tried, and what moved.

    Args:
        cut_offs: times at which the future was changed.
        events: features of so many events were compared.
        features: the features compared.
        leaks: those that moved, the first case of each.
    """

    cut_offs: int
    events: int
    features: tuple[str, ...]
    leaks: tuple[Leak, ...]


def prove_no_leak(
    build: Builder,
    rows: pl.DataFrame,
    wanted: pl.Series,
    dimensions: Mapping[str, pl.DataFrame],
    known: Knowledge,
    *,
    cut_offs: int = 200,
    events: int = 50,
    span: dt.timedelta | None = None,
    seed: int = 0,
) -> Proof:
    """Change the future of randomly picked events and compare their features.

    Args:
        build: features of the wanted rows, from rows, wanted and dimensions.
        rows: the prepared table, in the order of time.
        wanted: which rows are events.
        dimensions: the tables that lookups read.
        known: when rows, columns and dimensions are known.
        cut_offs: how many events to pick.
        events: how many events before each are compared with it.
        span: build from the rows within this span of the cut-off only, to save time; longer than
            the families look back. Empty: from all rows.
        seed: of the picks and of the invented futures.

    Returns:
        What was tried, and the features that moved.
    """
    generator = np.random.default_rng(seed)
    numbered = rows.with_row_index(_ROW)
    candidates = np.flatnonzero(wanted.to_numpy())
    picks = generator.choice(candidates, min(cut_offs, len(candidates)), replace=False)
    leaks: dict[str, Leak] = {}
    compared = 0
    names: tuple[str, ...] = ()
    for pick in sorted(picks.tolist()):
        cut = numbered[known.time][pick]
        near = _near(numbered, known.time, cut, span)
        asked = _asked(near, wanted, known, cut, pick, events)
        truth = _features(build, near, asked, dimensions)
        names = tuple(truth.columns)
        compared += truth.height
        for change, future in _futures(near, dimensions, known, pick, generator):
            moved = _features(build, future[0], asked, future[1])
            times = near.filter(pl.col(_ROW).is_in(asked.implode()))[known.time]
            for leak in _leaks(truth, moved, times, cut, change):
                leaks.setdefault(leak.feature, leak)
    return Proof(len(picks), compared, names, tuple(leaks[name] for name in sorted(leaks)))


def _near(
    rows: pl.DataFrame, time: str, cut: dt.datetime, span: dt.timedelta | None
) -> pl.DataFrame:
    return rows if span is None else rows.filter(pl.col(time).is_between(cut - span, cut + span))


def _asked(
    rows: pl.DataFrame, wanted: pl.Series, known: Knowledge, cut: dt.datetime, pick: int, most: int
) -> pl.Series:
    """The picked event and the last ones strictly before it, as row numbers."""
    events = rows.filter(wanted.gather(rows[_ROW]) & (rows[known.time] < cut))[_ROW]
    return events.tail(most).append(pl.Series([pick], dtype=events.dtype))


def _features(
    build: Builder,
    rows: pl.DataFrame,
    asked: pl.Series,
    dimensions: Mapping[str, pl.DataFrame],
) -> pl.DataFrame:
    return build(rows.drop(_ROW), rows[_ROW].is_in(asked.implode()), dimensions)


def _futures(
    rows: pl.DataFrame,
    dimensions: Mapping[str, pl.DataFrame],
    known: Knowledge,
    pick: int,
    generator: np.random.Generator,
) -> Iterator[tuple[str, tuple[pl.DataFrame, Mapping[str, pl.DataFrame]]]]:
    picked = rows.filter(pl.col(_ROW) == pick)
    cut = picked[known.time].item()
    own = _of_transaction(picked, known) | (pl.col(_ROW) == pick)
    is_past = (pl.col(known.time) < cut) | own
    past, future = rows.filter(is_past), rows.filter(~is_past)
    past = _unlearn(past, known, cut, generator)
    timed = {name: known.dimensions[name] for name in dimensions if name in known.dimensions}
    fixed = {name: table for name, table in dimensions.items() if name not in timed}
    told = {name: _until(dimensions[name], column, cut) for name, column in timed.items()}
    yield "removed", (past, {**fixed, **told})
    invented = _invent(future, rows, known, generator).filter(~_of_transaction(picked, known))
    replaced = {
        name: pl.concat(
            [told[name], _scramble(_since(dimensions[name], column, cut), [column], generator)]
        )
        for name, column in timed.items()
    }
    merged = pl.concat([past, invented]).sort(known.time, *known.key, _ROW, nulls_last=True)
    yield "replaced", (merged, {**fixed, **replaced})


def _of_transaction(picked: pl.DataFrame, known: Knowledge) -> pl.Expr:
    """Whether a row is of the picked event's transaction, and so known with it."""
    if not known.together:
        return pl.lit(False)
    return pl.all_horizontal(
        pl.col(column).eq_missing(pl.lit(picked[column].item(), picked[column].dtype))
        for column in (*known.together, known.time)
    )


def _unlearn(
    past: pl.DataFrame, known: Knowledge, cut: dt.datetime, generator: np.random.Generator
) -> pl.DataFrame:
    """Shuffle the values that late columns of past rows had not got yet."""
    for column, delay in known.late.items():
        open_ = past[known.time] >= cut - delay
        values = past[column].to_list()
        places = np.flatnonzero(open_.to_numpy())
        for place, source in zip(places, generator.permutation(len(values)), strict=False):
            values[place] = values[source]
        past = past.with_columns(pl.Series(column, values, past[column].dtype))
    return past


def _invent(
    future: pl.DataFrame, rows: pl.DataFrame, known: Knowledge, generator: np.random.Generator
) -> pl.DataFrame:
    """Rows that never were: values of all rows drawn at random, at the times of the future.

    A third happen at the very instant of the cut-off, where a window closed on the wrong side
    would see them.
    """
    if future.height == 0:
        return future
    drawn = {
        c: rows[c].gather(generator.integers(rows.height, size=future.height)) for c in rows.columns
    }
    numbers = future[_ROW]
    first = future[known.time].min()
    early = pl.Series(generator.random(future.height) < 1 / 3)
    times = pl.select(pl.when(early).then(pl.lit(first)).otherwise(future[known.time])).to_series()
    return pl.DataFrame({**drawn, _ROW: numbers, known.time: times}).select(rows.columns)


def _until(table: pl.DataFrame, column: str, cut: dt.datetime) -> pl.DataFrame:
    return table.filter(pl.col(column) < cut)


def _since(table: pl.DataFrame, column: str, cut: dt.datetime) -> pl.DataFrame:
    return table.filter(pl.col(column) >= cut)


def _scramble(
    table: pl.DataFrame, fixed: Sequence[str], generator: np.random.Generator
) -> pl.DataFrame:
    return table.with_columns(
        table[c].gather(generator.permutation(table.height))
        for c in table.columns
        if c not in fixed
    )


def _leaks(
    truth: pl.DataFrame,
    moved: pl.DataFrame,
    times: pl.Series,
    cut: dt.datetime,
    change: str,
) -> Iterator[Leak]:
    for name in truth.columns:
        differs = (truth[name].fill_nan(None).ne_missing(moved[name].fill_nan(None))).arg_true()
        if len(differs):
            row = int(differs[0])
            yield Leak(name, cut, times[row], change, truth[name][row], moved[name][row])
