"""Say of each row that was read when it arrived, which date it belongs to, and how it is named."""

from __future__ import annotations

import datetime as dt
import hashlib

import polars as pl

from tasks.core import quarantine
from tasks.core.config import format_duration
from tasks.ingest.arrivals import ARRIVED, FATE, HOME, Feed
from tasks.ingest.parts import LINE, SOURCE, Part, held_rows, landed_rows

OTHER_DATE = "belongs to another date"
OLDER = "older version"
DELETED = "deleted"
AFTER_ARRIVAL = "after its own arrival"
CLOSED = "of a closed day"


def beyond(feed: Feed) -> str:
    """The reason of rows that arrive too late."""
    assert feed.source.late is not None
    return f"beyond the horizon of {format_duration(feed.source.late.horizon)}"


def date_rows(part: Part, feed: Feed, night: dt.date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split a part into rows by `Feed.schema` and the records that are held back.

    Besides those that could not be typed, a record without a date has no place.
    """
    rows = landed_rows(part, feed.source)
    needed = [c for c in (feed.source.watermark, feed.source.late and feed.source.late.by) if c]
    undated = rows.filter(pl.any_horizontal(pl.col(c).is_null() for c in needed))
    held = held_rows(part, feed.name)
    if undated.height:
        reasons = pl.concat_list(
            pl.when(pl.col(c).is_null()).then(pl.lit(f"{c}: a row without it has no date"))
            for c in needed
        ).list.drop_nulls()
        more = quarantine.from_rows("ingest", feed.name, undated.lazy(), reasons).collect()
        held = pl.concat([held, more])
        rows = rows.filter(pl.all_horizontal(pl.col(c).is_not_null() for c in needed))
    return _place(_name(rows, feed), feed, night), held


def name_held(held: pl.DataFrame, feed: Feed) -> pl.DataFrame:
    """Name held records, where they come from no file, by what they say."""
    if feed.source.watermark is None:
        return held
    turn = pl.int_range(pl.len()).over("raw").cast(pl.String)
    texts = held.select(pl.concat_str([turn, "raw"], separator=" ")).to_series()
    return held.with_columns(_numbers(texts).alias("line"), source=pl.lit(feed.name)).sort("line")


def _name(rows: pl.DataFrame, feed: Feed) -> pl.DataFrame:
    """Name rows that are read by watermark by their content: their position says nothing."""
    if feed.source.watermark is None:
        return rows
    declared = [_as_text(name, dtype) for name, dtype in feed.source.table_schema.items()]
    texts = rows.select(pl.struct(declared).struct.json_encode()).to_series()
    return rows.with_columns(_numbers(texts).alias(LINE), pl.lit(feed.name).alias(SOURCE))


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    if dtype == pl.Binary:
        return pl.col(name).bin.encode("hex")
    return pl.col(name) if dtype.is_nested() else pl.col(name).cast(pl.String)


def _numbers(texts: pl.Series) -> pl.Series:
    """A 63-bit number for each text, the same on every machine and in every version."""
    return pl.Series(
        [
            int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
            for text in texts
        ],
        dtype=pl.Int64,
    )


def _place(rows: pl.DataFrame, feed: Feed, night: dt.date) -> pl.DataFrame:
    business, source = feed.business, feed.source
    arrived = (
        business.date_of(source.watermark, source) if source.watermark else pl.lit(night, pl.Date)
    )
    rows = rows.with_columns(arrived.alias(ARRIVED))
    if source.late is None:
        return rows.with_columns(pl.col(ARRIVED).alias(HOME), pl.lit(None, pl.String).alias(FATE))
    rows = rows.with_columns(business.date_of(source.late.by, source).alias(HOME))
    days = pl.concat([rows[HOME], rows[ARRIVED]]).unique().to_list()
    due = {day: business.due(day) for day in days}
    closed = [day for day in days if due[day] != day]
    late = pl.col(ARRIVED) - pl.col(HOME)
    rows = rows.with_columns(
        pl.when(late < dt.timedelta())
        .then(pl.lit(AFTER_ARRIVAL))
        .when(late > source.late.horizon)
        .then(pl.lit(beyond(feed)))
        .when(pl.col(HOME).is_in(closed))
        .then(pl.lit(CLOSED))
        .alias(FATE)
    )
    accounts = pl.col(ARRIVED).replace_strict(due, return_dtype=pl.Date)
    return rows.with_columns(
        pl.when(pl.col(FATE).is_null()).then(HOME).otherwise(accounts).alias(HOME)
    )
