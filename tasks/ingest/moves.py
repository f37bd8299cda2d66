"""Versions of one key that belong to different dates: each date is told of the other's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import polars as pl

from tasks.core.artifacts import Arrivals, Ref
from tasks.ingest.arrivals import ARRIVED, FATE, HOME, ROW, Feed, Take, span

TARGET = "_target"


def near(
    feed: Feed, takes: Iterable[Take], first: dt.date, last: dt.date
) -> tuple[Ref[Arrivals], ...]:
    """The files whose rows may share a key, and a horizon, with rows of a range of dates."""
    assert feed.source.late is not None
    horizon = feed.source.late.horizon
    return tuple(
        ref
        for take in takes
        for ref in take.files
        if first - horizon <= span(ref)[0] <= last + horizon
    )


def copies(feed: Feed, own: pl.LazyFrame, others: pl.LazyFrame) -> pl.DataFrame:
    """Rows that another date has to know of, since there an earlier version of their key may lie.

    A version moves its key away from a date while that date is open to late rows; later it comes
    too late for that as for anything else.

    Args:
        feed: the source.
        own: the rows a night keeps, by `Feed.schema`.
        others: the rows that other nights keep near them, with the copies among these.

    Returns:
        The rows, by `Feed.schema`, each with the date to tell in `_target`.
    """
    assert feed.source.late is not None
    key = list(feed.source.key)
    nothing = pl.DataFrame(schema={**feed.schema, TARGET: pl.Date()})
    if not key:
        return nothing
    own = own.filter(pl.col(FATE).is_null())
    others = others.filter(pl.col(FATE).is_null()).join(
        own.select(key).unique(), on=key, how="semi", nulls_equal=True
    )
    places = pl.concat([frame.select(*key, HOME) for frame in (own, others)])
    moved = places.group_by(key).agg(pl.col(HOME).n_unique()).filter(pl.col(HOME) > 1).select(key)
    found = moved.collect()
    if not found.height:
        return nothing
    semi = [
        frame.join(found.lazy(), on=key, how="semi", nulls_equal=True) for frame in (own, others)
    ]
    rows = pl.concat(semi).unique(ROW)
    targets = rows.select(*key, pl.col(HOME).alias(TARGET)).unique()
    late = pl.col(ARRIVED) - pl.col(TARGET)
    told = rows.join(targets, on=key, nulls_equal=True).filter(
        pl.col(TARGET) != pl.col(HOME), late >= dt.timedelta(), late <= feed.source.late.horizon
    )
    return told.select(list(nothing.schema)).collect()
