"""Read what a night is to read of a source, and keep of it what was not known yet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from tasks.core import quarantine
from tasks.core.artifacts import Arrivals, Quarantined, Ref
from tasks.core.batches import stack
from tasks.core.ledger import check_balance
from tasks.core.results import LedgerLine
from tasks.core.run import Run
from tasks.core.store import table_uri
from tasks.ingest import moves
from tasks.ingest.arrivals import (
    ARRIVED,
    FATE,
    HOME,
    KIND,
    ROW,
    Feed,
    Take,
    file_uri,
    held_uri,
    order,
    span,
)
from tasks.ingest.coverage import Stretch
from tasks.ingest.dating import date_rows, name_held
from tasks.ingest.landing import read_ahead
from tasks.ingest.parts import LINE, Part

AGAIN = "read again"
LATER = "of a later night"

_NEW = "_new"
_CHUNK_ROWS = 2_000_000


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was read, before it is known what of it is new.

    Args:
        rows: the rows by `Feed.schema`, in a file of the run's own.
        held: records held back, by `tasks.core.quarantine.SCHEMA`.
        seen: records read.
        later: of these, those of a later night.
    """

    rows: Ref[Arrivals]
    held: pl.DataFrame
    seen: int
    later: int


def keep(
    run: Run,
    feed: Feed,
    night: dt.date,
    parts: Iterator[Part],
    stretch: Stretch | None,
    takes: Sequence[Take],
) -> dict[str, Any]:
    """Keep what a night reads beside what is kept already.

    Args:
        run: the run of its own commit.
        feed: the source.
        night: the date.
        parts: the records, in order.
        stretch: the watermarks that were asked for; None where the source has no watermark.
        takes: what nights have kept of the source, this one among them.

    Returns:
        The facts of the commit.

    Raises:
        LedgerError: a record got lost or doubled.
    """
    reading = _read_aside(run, feed, night, parts)
    others = [take for take in takes if take.night != night]
    own = next((take for take in takes if take.night == night), None)
    candidates = _candidates(run, feed, reading, others, own)
    groups = _write(run, feed, night, candidates, others)
    held = _new_held(run, feed, reading.held, others)
    if held.height:
        run.write_table(Quarantined, held, held_uri(run.pipeline, feed.name, night))
    run.discard(reading.rows)
    line = _account(feed, reading, groups, held)
    live = groups.filter(pl.col(FATE).is_null())
    days = {day: feed.business.due(day) if feed.source.late else day for day in live[ARRIVED]}
    arrived = pl.col(ARRIVED).replace_strict(days, return_dtype=pl.Date)
    counts = live.group_by(arrived, HOME).agg(pl.col("len").sum()).sort(ARRIVED, HOME)
    return {
        "kind": KIND,
        "source": feed.name,
        "night": str(night),
        "since": stretch.since.isoformat() if stretch and stretch.since else None,
        "until": stretch.until.isoformat() if stretch else None,
        "counts": [[str(on), str(home), rows] for on, home, rows in counts.rows()],
        "account": asdict(line),
    }


def _account(feed: Feed, reading: _Reading, groups: pl.DataFrame, held: pl.DataFrame) -> LedgerLine:
    """What became of every record that was read.

    Raises:
        LedgerError: a record got lost or doubled.
    """
    fresh = int(groups.filter(_NEW)["len"].sum())
    again = reading.rows.rows - fresh + reading.held.height - held.height
    rejected = {AGAIN: again, LATER: reading.later}
    line = LedgerLine("take", feed.name, reading.seen, fresh, held.height, rejected)
    check_balance([line])
    return line


def _read_aside(run: Run, feed: Feed, night: dt.date, parts: Iterator[Part]) -> _Reading:
    seen = later = 0
    held: list[pl.DataFrame] = [pl.DataFrame(schema=quarantine.SCHEMA)]
    uri = table_uri(KIND, run.pipeline, feed.name, str(night), "read.parquet")
    with run.open_table(Arrivals, feed.schema, uri) as table:
        for part in read_ahead(parts):
            rows, kept_back = date_rows(part, feed, night)
            due = rows.filter(pl.col(ARRIVED) <= night)
            seen += part.seen
            later += rows.height - due.height
            table.add(due.select(list(feed.schema)))
            held.append(kept_back)
    assert table.ref is not None
    return _Reading(table.ref, name_held(pl.concat(held), feed), seen, later)


def _candidates(
    run: Run, feed: Feed, reading: _Reading, others: Sequence[Take], own: Take | None
) -> pl.LazyFrame:
    """The rows to keep, with `_new` for those that were read just now.

    By watermark, a night that reads again finds only the latest versions: the earlier ones it
    kept stay, unless the source says something else of the very same version now.
    """
    rows = run.scan(reading.rows).with_columns(pl.lit(True).alias(_NEW))
    if feed.source.watermark is None:
        return rows
    rows = rows.unique(ROW, maintain_order=True)
    known = _originals(run, feed, _about(rows, others)).select(LINE).unique()
    frames = [rows.join(known, on=LINE, how="anti", maintain_order="left")]
    if own is not None and own.files:
        version = [*feed.source.key, feed.source.version or feed.source.watermark]
        before = _originals(run, feed, own.files).join(
            rows.select(version), on=version, how="anti", nulls_equal=True
        )
        frames.append(before.with_columns(pl.lit(False).alias(_NEW)))
    return pl.concat(frames)


def _about(rows: pl.LazyFrame, others: Sequence[Take]) -> list[Ref[Arrivals]]:
    """The files of other nights that may hold the rows already."""
    first, last = (
        rows.select(
            pl.min_horizontal(pl.col(ARRIVED).min(), pl.col(HOME).min()).alias("first"),
            pl.max_horizontal(pl.col(ARRIVED).max(), pl.col(HOME).max()).alias("last"),
        )
        .collect()
        .row(0)
    )
    if first is None:
        return []
    return [
        ref
        for take in others
        for ref in take.files
        if span(ref)[0] <= last and first <= span(ref)[1]
    ]


def _originals(run: Run, feed: Feed, files: Sequence[Ref[Arrivals]]) -> pl.LazyFrame:
    """The rows of files, without copies that tell one date of another."""
    frames = [
        run.scan(ref).filter(pl.col(HOME) >= span(ref)[0], pl.col(HOME) <= span(ref)[1])
        for ref in files
    ]
    return stack([*frames, pl.LazyFrame(schema=feed.schema)])


def _write(
    run: Run, feed: Feed, night: dt.date, candidates: pl.LazyFrame, others: Sequence[Take]
) -> pl.DataFrame:
    """Write the rows to keep, a range of dates at a time.

    Returns:
        How many rows there are by `_arrived`, `_home`, `_fate` and `_new`.
    """
    groups = candidates.group_by(ARRIVED, HOME, FATE, _NEW).len().sort(HOME, ARRIVED).collect()
    rows = candidates.drop(_NEW)
    if feed.source.late:
        told = _copies(run, feed, rows, groups, others)
        _write_by_date(run, feed, night, rows, told)
    else:
        _write_by_span(run, feed, night, rows, groups)
    return groups


def _copies(
    run: Run, feed: Feed, rows: pl.LazyFrame, groups: pl.DataFrame, others: Sequence[Take]
) -> pl.DataFrame:
    if not groups.height:
        return pl.DataFrame(schema={**feed.schema, moves.TARGET: pl.Date()})
    files = moves.near(feed, others, groups[HOME][0], groups[HOME][-1])
    return moves.copies(feed, rows, _originals(run, feed, files))


def _write_by_date(
    run: Run, feed: Feed, night: dt.date, rows: pl.LazyFrame, told: pl.DataFrame
) -> None:
    """A file for each date: its rows, and those it is told of."""
    every = pl.concat([rows.with_columns(pl.col(HOME).alias(moves.TARGET)), told.lazy()])
    for within in _chunks(every, moves.TARGET):
        for (day,), frame in within.partition_by(moves.TARGET, as_dict=True).items():
            assert isinstance(day, dt.date)
            content = frame.drop(moves.TARGET).sort(order(feed))
            run.write_table(Arrivals, content, file_uri(run.pipeline, feed.name, night, day, day))


def _write_by_span(
    run: Run, feed: Feed, night: dt.date, rows: pl.LazyFrame, groups: pl.DataFrame
) -> None:
    """A file of the night's own date, and one of all dates before it."""
    for part in (groups.filter(pl.col(HOME) < night), groups.filter(pl.col(HOME) == night)):
        if not part.height:
            continue
        first, last = part[HOME][0], part[HOME][-1]
        uri = file_uri(run.pipeline, feed.name, night, first, last)
        with run.open_table(Arrivals, feed.schema, uri) as table:
            of_part = rows.filter(pl.col(HOME).is_between(pl.lit(first), pl.lit(last)))
            for within in _chunks(of_part, HOME):
                table.add(within.sort(HOME, *order(feed)))


def _chunks(rows: pl.LazyFrame, by: str) -> Iterator[pl.DataFrame]:
    """The rows of ranges of dates, in order, of about so many rows as fit in memory at once."""
    sizes = rows.group_by(by).len().sort(by).collect()
    part = (pl.col("len").cum_sum() // _CHUNK_ROWS).alias("part")
    for chunk in sizes.with_columns(part).partition_by("part", maintain_order=True):
        yield rows.filter(pl.col(by).is_between(chunk[by][0], chunk[by][-1])).collect()


def _new_held(run: Run, feed: Feed, held: pl.DataFrame, others: Sequence[Take]) -> pl.DataFrame:
    """Held records that no other night holds back already."""
    known = [run.scan(take.held) for take in others if take.held]
    if feed.source.watermark is None or not known:
        return held
    row = ["source", "line"]
    return held.lazy().join(pl.concat(known), on=row, how="anti", maintain_order="left").collect()
