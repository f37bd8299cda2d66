"""Show that no feature of an event depends on what came at its time or after.

At each cut-off one event is picked. Everything that was not known strictly before it, because it
happened later or came with a later batch date, is removed, or replaced by rows that never were; the
features of that event, and of the events before it, may not move. What is known together with an
event, the rows of its own transaction, stays. Where events have no time, one must not depend on any
other row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.core.batches import BATCH_DATE
from tasks.features.arrival import ARRIVED
from tasks.features.knowledge import Knowledge

Builder = Callable[[pl.DataFrame, pl.Series, Mapping[str, pl.DataFrame]], pl.DataFrame]

_ROW = "_row"


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
    cut_off: dt.datetime | None
    event_time: dt.datetime | None
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
        cut = None if known.time is None else numbered[known.time][pick]
        near = _near(numbered, known.time, cut, span)
        asked = _asked(near, wanted, known, cut, pick, events)
        truth = _features(build, near, asked, dimensions)
        names = tuple(truth.columns)
        compared += truth.height
        for change, future in _futures(near, dimensions, known, pick, generator):
            moved = _features(build, future[0], asked, future[1])
            times = near.filter(pl.col(_ROW).is_in(asked.implode()))[known.time or _ROW]
            for leak in _leaks(truth, moved, times, cut, change):
                leaks.setdefault(leak.feature, leak)
    return Proof(len(picks), compared, names, tuple(leaks[name] for name in sorted(leaks)))


def _near(
    rows: pl.DataFrame, time: str | None, cut: dt.datetime | None, span: dt.timedelta | None
) -> pl.DataFrame:
    if span is None or time is None or cut is None:
        return rows
    return rows.filter(pl.col(time).is_between(cut - span, cut + span))


def _asked(
    rows: pl.DataFrame,
    wanted: pl.Series,
    known: Knowledge,
    cut: dt.datetime | None,
    pick: int,
    most: int,
) -> pl.Series:
    """The picked event and the last ones strictly before it, as row numbers."""
    picked = rows.filter(pl.col(_ROW) == pick)
    before = pl.lit(False) if cut is None else _was_known(known, picked, cut)
    events = rows.filter(wanted.gather(rows[_ROW])).filter(before)[_ROW]
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
    own = _of_transaction(picked, known) | (pl.col(_ROW) == pick)
    cut = None if known.time is None else picked[known.time].item()
    if cut is None:
        past, future, told, later = rows.filter(own), rows.filter(~own), dimensions, dimensions
        past = _unlearn(past, rows, known, None, generator)
    else:
        is_past = _was_known(known, picked, cut) | own
        past, future = rows.filter(is_past), rows.filter(~is_past)
        past = _unlearn(past, rows, known, cut, generator)
        told, later = _dimensions(dimensions, known, picked, generator)
    yield "removed", (past, told)
    invented = _invent(future, rows, known, cut, generator).filter(~_of_transaction(picked, known))
    invented = invented.join(past, on=list(known.key), how="anti", nulls_equal=True)
    order = [*([known.time] if known.time else []), *known.key, _ROW]
    yield "replaced", (pl.concat([past, invented]).sort(order, nulls_last=True), later)


def _dimensions(
    tables: Mapping[str, pl.DataFrame],
    known: Knowledge,
    picked: pl.DataFrame,
    generator: np.random.Generator,
) -> tuple[dict[str, pl.DataFrame], dict[str, pl.DataFrame]]:
    """The other tables as they were known at the cut-off, and with another future."""
    cut = picked[known.time or ""].item()
    told, replaced = dict(tables), dict(tables)
    for name, column in known.dimensions.items():
        if name not in tables:
            continue
        end, is_known = known.ends.get(name), pl.col(column) < cut
        if name in known.landed and {ARRIVED} <= {*tables[name].columns}:
            is_known &= pl.col(ARRIVED) <= pl.lit(picked[BATCH_DATE].item())
        past, future = (
            tables[name].filter(is_known),
            tables[name].filter(~is_known.fill_null(False)),
        )
        told[name] = past if end is None else _open(past, end, cut)
        replaced[name] = pl.concat([told[name], _scramble(future, [column, ARRIVED], generator)])
    return told, replaced


def _open(table: pl.DataFrame, end: str, cut: dt.datetime) -> pl.DataFrame:
    """Rows whose end was not known yet have none."""
    return table.with_columns(pl.when(pl.col(end) < cut).then(pl.col(end)))


def _was_known(known: Knowledge, picked: pl.DataFrame, cut: dt.datetime) -> pl.Expr:
    """Whether a row happened before the picked one, and had come when that was scored."""
    return (pl.col(known.time or "") < cut) & _had_come(picked)


def _had_come(picked: pl.DataFrame) -> pl.Expr:
    return pl.col(BATCH_DATE) <= pl.lit(picked[BATCH_DATE].item())


def _of_transaction(picked: pl.DataFrame, known: Knowledge) -> pl.Expr:
    """Whether a row is of a transaction of the picked event, and so known with it."""
    if known.time is None or not known.together:
        return pl.lit(False)
    together = pl.any_horizontal(
        pl.all_horizontal(
            pl.col(column).eq_missing(pl.lit(picked[column].item(), picked[column].dtype))
            for column in (*columns, known.time)
        )
        for columns in known.together
    )
    return together & _had_come(picked)


def _unlearn(
    past: pl.DataFrame,
    rows: pl.DataFrame,
    known: Knowledge,
    cut: dt.datetime | None,
    generator: np.random.Generator,
) -> pl.DataFrame:
    """Give late columns of past rows, where they had no value yet, others that occur."""
    for column, delay in known.late.items():
        values, others = past[column].to_list(), rows[column].unique().sort().to_list()
        is_open = (
            past[known.time] >= cut - delay
            if known.time is not None and cut is not None
            else pl.repeat(True, past.height, eager=True)
        )
        for place in np.flatnonzero(is_open.to_numpy()):
            other = [value for value in others if value != values[place]]
            if other:
                values[place] = other[int(generator.integers(len(other)))]
        past = past.with_columns(pl.Series(column, values, past[column].dtype))
    return past


def _invent(
    future: pl.DataFrame,
    rows: pl.DataFrame,
    known: Knowledge,
    cut: dt.datetime | None,
    generator: np.random.Generator,
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
    drawn[BATCH_DATE] = future[BATCH_DATE]
    numbers = future[_ROW]
    if known.time is None:
        return pl.DataFrame({**drawn, _ROW: numbers}).select(rows.columns)
    sooner = pl.Series(generator.random(future.height) < 1 / 3)
    moved = pl.when(sooner & (pl.col(known.time) > cut)).then(pl.lit(cut)).otherwise(known.time)
    times = future.select(moved.alias(known.time)).to_series()
    return pl.DataFrame({**drawn, _ROW: numbers, known.time: times}).select(rows.columns)


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
    cut: dt.datetime | None,
    change: str,
) -> Iterator[Leak]:
    if truth.equals(moved, null_equal=True):
        return
    for name in truth.columns:
        differs = (truth[name].fill_nan(None).ne_missing(moved[name].fill_nan(None))).arg_true()
        if len(differs):
            row = int(differs[0])
            at = None if cut is None else times[row]
            yield Leak(name, cut, at, change, truth[name][row], moved[name][row])
