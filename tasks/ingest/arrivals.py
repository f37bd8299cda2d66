"""Arrivals: the rows that nights read of a source, kept as they came.

Each night keeps what it read in a commit of its own, `arrivals-<source>-<night>`: the rows, those
it held back, and how far it read, together. Kept rows are a set that only grows: a row is told by
its `_source` and `_line`, so reading it again changes nothing. A landed table is a function of that
set and of nothing else; so no order of nights, no repetition and no kill can change it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.core.artifacts import Arrivals, Quarantined, Ref
from tasks.core.keys import digest
from tasks.core.quarantine import LINE, SOURCE
from tasks.core.records import Commit
from tasks.core.store import table_uri
from tasks.ingest.business import Business
from tasks.ingest.config import SourceConfig
from tasks.ingest.coverage import Stretch

KIND = "arrivals"
ARRIVED = "_arrived"
HOME = "_home"
FATE = "_fate"
ROW = [SOURCE, LINE]

_HELD = "held.parquet"
_TO = "--"


@dataclass(frozen=True, slots=True)
class Feed:
    """A source that is read piece by piece.

    Args:
        name: its name.
        source: its declaration.
        business: its pipeline's calendar.
    """

    name: str
    source: SourceConfig
    business: Business

    @property
    def schema(self) -> pl.Schema:
        """The columns of its arrivals.

        `_arrived` is the date the source learned of the row, `_home` the date that accounts for
        it, `_fate` why it is rejected there, null where it is not.
        """
        own = {SOURCE: pl.String(), LINE: pl.Int64()}
        places = {ARRIVED: pl.Date(), HOME: pl.Date(), FATE: pl.String()}
        return pl.Schema({**self.source.table_schema, **own, **places})

    @property
    def rules(self) -> Mapping[str, Any]:
        """What decides over versions and dates; when it changes, every landed table is stale."""
        named = ("key", "watermark", "version", "late", "deleted")
        return {"zone": self.business.timezone} | self.source.model_dump(
            mode="json", include=set(named)
        )


@dataclass(frozen=True, slots=True)
class Take:
    """What one night read and kept.

    Args:
        night: its date.
        files: its rows, a file for each date they concern, or for a span of dates.
        held: the records that could not be typed or dated.
        facts: of its commit: `since` and `until`, `counts`, and the `account` of what was read.
    """

    night: dt.date
    files: tuple[Ref[Arrivals], ...]
    held: Ref[Quarantined] | None
    facts: Mapping[str, Any]

    @property
    def stretch(self) -> Stretch | None:
        """The watermarks it read; None for a source without a watermark."""
        since, until = self.facts["since"], self.facts["until"]
        if until is None:
            return None
        begin = None if since is None else dt.datetime.fromisoformat(since)
        return Stretch(begin, dt.datetime.fromisoformat(until))

    @property
    def counts(self) -> Iterator[tuple[dt.date, dt.date, int]]:
        """Rows that are not rejected: date of arrival, date they belong to, how many."""
        for arrived, home, rows in self.facts["counts"]:
            yield dt.date.fromisoformat(arrived), dt.date.fromisoformat(home), rows


def order(feed: Feed) -> list[str]:
    """How rows are sorted: those of files as they stand there, those of queries by key."""
    return [*feed.source.key, *ROW] if feed.source.watermark else ROW


def unit(name: str, night: dt.date) -> str:
    """The commit unit of what a night keeps of a source."""
    return f"{KIND}-{name}-{night}"


def file_uri(pipeline: str, name: str, night: dt.date, first: dt.date, last: dt.date) -> str:
    """Where rows lie that concern the dates from first to last."""
    span = str(first) if first == last else f"{first}{_TO}{last}"
    return table_uri(KIND, pipeline, name, str(night), f"{span}.parquet")


def held_uri(pipeline: str, name: str, night: dt.date) -> str:
    """Where the records lie that a night held back."""
    return table_uri(KIND, pipeline, name, str(night), _HELD)


def span(ref: Ref[Arrivals]) -> tuple[dt.date, dt.date]:
    """The first and the last date that a file concerns, read from its name."""
    first, _, last = ref.uri.rpartition("/")[2].removesuffix(".parquet").partition(_TO)
    return dt.date.fromisoformat(first), dt.date.fromisoformat(last or first)


def read_take(record: Commit) -> Take:
    """What a commit of arrivals says."""
    night = dt.date.fromisoformat(record.facts["night"])
    held = record.find(Quarantined, held_uri(record.pipeline, record.facts["source"], night))
    files = tuple(ref for ref in record.files if ref.stage == KIND)
    return Take(night, files, held, record.facts)


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a source's landed table of one date is made from.

    Args:
        day: the date.
        files: the rows.
        held: what the date's own night held back.
        elsewhere: rows that arrived on the date and belong to another one.
        known: rows that arrived up to the date.
        digest: of all of these and of the rules.
    """

    day: dt.date
    files: tuple[Ref[Arrivals], ...]
    held: Ref[Quarantined] | None
    elsewhere: int
    known: int
    digest: str


class Kept:
    """All that nights have kept of a source.

    Args:
        feed: the source.
        takes: what each night kept, by date.
    """

    def __init__(self, feed: Feed, takes: Iterable[Take]) -> None:
        self.feed = feed
        self.takes = tuple(takes)
        self._files: dict[dt.date, list[Ref[Arrivals]]] = {}
        self._counts: dict[dt.date, dict[dt.date, int]] = {}
        for take in self.takes:
            for ref in take.files:
                self._files.setdefault(span(ref)[0], []).append(ref)
            for arrived, home, rows in take.counts:
                homes = self._counts.setdefault(arrived, {})
                homes[home] = homes.get(home, 0) + rows

    def take_of(self, night: dt.date) -> Take | None:
        """What one night kept."""
        return next((take for take in self.takes if take.night == night), None)

    def elsewhere(self, day: dt.date) -> Mapping[dt.date, int]:
        """Rows that arrived on a date and belong to others, by these."""
        counts = self._counts.get(day, {})
        return {home: counts[home] for home in sorted(counts) if home != day}

    def inputs(self, day: dt.date) -> Inputs:
        """What a date is made from: rows of its own date, or of no later one where none is late."""
        whole = self.feed.source.late is None
        days = [first for first in sorted(self._files) if first <= day] if whole else [day]
        files = tuple(ref for first in days for ref in self._files.get(first, ()))
        known = sum(
            sum(homes.values()) for arrived, homes in self._counts.items() if arrived <= day
        )
        elsewhere = 0 if whole else sum(self.elsewhere(day).values())
        own = self.take_of(day)
        held = own.held if own else None
        uris = {ref.uri: ref.sha256 for ref in (*files, *((held,) if held else ()))}
        content = digest({"rules": self.feed.rules, "files": uris, "elsewhere": elsewhere})
        return Inputs(day, files, held, elsewhere, known if whole else 0, content)
