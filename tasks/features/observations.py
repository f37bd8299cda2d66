"""Observations put in the order of entity and time, and the entities of the events among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from tasks.features.codes import Bools, Ints, codes, keys
from tasks.features.past import Past, Tallied
from tasks.features.tally import FIRST, LAST, ROWS

_FEW = 4


def past(observed: pl.DataFrame, asking: pl.DataFrame, entity: Sequence[str], time: str) -> Past:
    """Order observations by entity and time, and find each event's entity among them.

    Args:
        observed: the table observations come from, sorted by time.
        asking: the events; the same columns.
        entity: columns that name the entity; none means that all rows have one past.
        time: the time column of both.
    """
    near = _near(observed, asking, entity)
    seen, asking_codes = codes(
        observed if near is None else observed.select(entity)[near], asking, entity
    )
    taken = np.flatnonzero(seen >= 0)
    taken = taken[_by_code(seen[taken])]
    rows = taken if near is None else near[taken]
    times = instants(observed, time)
    new = np.diff(times, prepend=times[:1] - 1) > 0
    ranks = np.cumsum(new) - 1
    order = _by_code(asking_codes + 1)
    return Past(
        rows,
        seen[taken],
        times[rows],
        keys(seen[taken], ranks[rows], times[new]),
        times[new],
        instants(asking, time)[order],
        asking_codes[order],
        order,
    )


def past_with_tallies(
    rows: pl.DataFrame,
    taken: Bools,
    tallies: pl.DataFrame,
    asking: pl.DataFrame,
    entity: Sequence[str],
    time: str,
) -> Past:
    """Order rows and tallies by entity and time; a tally lies where its last row would.

    Args:
        rows: the table rows come from, sorted by time.
        taken: which of them are observations; the others have tallies, or do not count.
        tallies: one row for each entity and stretch of dates.
        asking: the events, some of the rows.
        entity: columns that name the entity.
        time: the time column of rows and events.
    """
    own = np.flatnonzero(taken)
    at = pl.col(time).cast(pl.Datetime("us")).alias(time)
    both = pl.concat(
        [
            rows.select(*entity, at)[own].with_columns(_row=own, _tally=-1),
            tallies.select(
                *entity, pl.col(LAST).alias(time), _row=0, _tally=pl.int_range(pl.len())
            ),
        ],
        how="vertical_relaxed",
    ).sort(time, maintain_order=True)
    before = past(both, asking, entity, time)
    numbers = both["_tally"].to_numpy()[before.rows]
    places = np.flatnonzero(numbers >= 0)
    table = tallies[numbers[places]]
    weights, firsts = np.ones(len(numbers), np.int64), before.times.copy()
    weights[places] = table[ROWS].to_numpy()
    firsts[places] = instants(table, FIRST)
    return replace(
        before,
        rows=both["_row"].to_numpy()[before.rows],
        tallied=Tallied(table, places, weights, firsts),
    )


def _near(observed: pl.DataFrame, asking: pl.DataFrame, entity: Sequence[str]) -> Ints | None:
    """Rows whose entity asks, where few events ask: sorting them all would cost the most."""
    if not entity or asking.height * _FEW > observed.height:
        return None
    asked = asking.select(entity).unique()
    numbered = observed.select(entity).with_row_index("_row")
    found = numbered.join(asked, on=list(entity), how="semi", maintain_order="left")
    rows: Ints = found["_row"].cast(pl.Int64).to_numpy()
    return rows


def _by_code(codes: Ints) -> Ints:
    """Rows by code, those of one code in their order; narrow integers sort by radix."""
    narrow = codes.astype(np.uint16) if codes.max(initial=0) < 1 << 16 else codes
    return np.argsort(narrow, kind="stable")


def instants(table: pl.DataFrame, time: str) -> Ints:
    """Times in microseconds."""
    return table[time].cast(pl.Datetime("us")).cast(pl.Int64).to_numpy()
