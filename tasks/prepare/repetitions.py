"""Which rows of some dates repeat another row of theirs, or of the dates before.

Rows are compared by hashes of what they say, eight bytes each. Only those whose hash another row
has as well are read whole, and compared by their values.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import polars as pl

from tasks.core.batches import BATCH_DATE, in_order
from tasks.core.event import EventConfig
from tasks.prepare.config import PrepareConfig
from tasks.prepare.duplicates import compared, repeated
from tasks.prepare.pieces import PLACE, Stretch, Tables

REASON = "_repeated"
_HASH = "_hash_{}"


def repetitions(
    tables: Tables, dates: Stretch, event: EventConfig, config: PrepareConfig
) -> pl.DataFrame:
    """Find the rows of some dates that are dropped as repetitions.

    Args:
        tables: the table.
        dates: the first and the last date.
        event: what an event is.
        config: which rows repeat another, and how many dates back.

    Returns:
        `batch_date` and place of each, and the reason.
    """
    first = dates[0]
    before = tables.between(first - config.reach_of_keys, first - dt.timedelta(days=1))
    own = pl.concat(tables.numbered(dates))
    names = [name for name in own.collect_schema().names() if name not in (BATCH_DATE, PLACE)]
    hashes = _hashes(names, event, config)
    suspects = [_suspects(own.select(each), before, each) for each in hashes]
    again = _holding(own, hashes, suspects).collect(engine="streaming")
    if again.is_empty():
        return again.select(BATCH_DATE, PLACE, pl.lit(None, pl.String).alias(REASON))
    # Last of all by place: rows come in any order, and where it decides they say the same.
    rows = in_order(again.lazy().select(pl.exclude(PLACE), PLACE), event).collect()
    of_interest = [*names, BATCH_DATE]
    earlier = [_holding(part, hashes, suspects).select(of_interest) for part in before]
    known = pl.concat([*earlier, rows.lazy().select(of_interest)]).collect(engine="streaming")
    reasons = repeated(known, event, config).tail(rows.height).alias(REASON)
    return rows.select(BATCH_DATE, PLACE, reasons).filter(pl.col(REASON).is_not_null())


def _hashes(names: Sequence[str], event: EventConfig, config: PrepareConfig) -> list[pl.Expr]:
    """A hash for each set of columns in which rows may not agree."""
    sets = [event.key, *([compared(names, config.duplicates)] if config.duplicates else [])]
    return [pl.struct(each).hash(seed=0).alias(_HASH.format(n)) for n, each in enumerate(sets)]


def _suspects(own: pl.LazyFrame, before: Sequence[pl.LazyFrame], hashed: pl.Expr) -> pl.Series:
    """The hashes that more than one row has, one of them at least of the own rows."""
    mine = own.collect(engine="streaming")
    (name,) = mine.columns
    twice = mine.filter(pl.col(name).is_duplicated()).unique()
    if not before:
        return twice[name]
    earlier = pl.concat([part.select(hashed) for part in before])
    met = earlier.join(mine.lazy(), on=name, how="semi").unique().collect(engine="streaming")
    return pl.concat([twice, met])[name].unique()


def _holding(
    rows: pl.LazyFrame, hashes: Sequence[pl.Expr], suspects: Sequence[pl.Series]
) -> pl.LazyFrame:
    """The rows that have one of the hashes."""
    hashed = rows.with_columns(hashes)
    names = [each.meta.output_name() for each in hashes]
    suspected = [
        pl.col(name).is_in(found.implode()) for name, found in zip(names, suspects, strict=True)
    ]
    return hashed.filter(pl.any_horizontal(suspected)).drop(names)
