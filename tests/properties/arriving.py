"""Streams of rows that arrive late, twice and out of order, and the obvious way to land them."""

from __future__ import annotations

import datetime as dt
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from flows import arrivals
from flows.landing import landed
from flows.pipeline import SHIPPED, Pipeline, load
from flows.yaml_file import read_yaml
from tasks.core.commit import last_commit
from tests.properties.naming import name_of

FIRST = dt.date(2010, 1, 4)
DAYS = 6
NIGHTS = [FIRST + dt.timedelta(days=i) for i in range(DAYS)]
HORIZON = 2
OVERLAP = dt.timedelta(days=1)
SOURCES: dict[str, Any] = {
    "lines": {
        "kind": "sql",
        "url": "sqlite:///shop.db",
        "query": "select id, day, value, updated_at from lines where updated_at > :watermark",
        "schema": {"id": "i64", "day": "datetime", "value": "str", "updated_at": "datetime"},
        "key": ["id"],
        "watermark": "updated_at",
        "overlap": "1d",
        "late": {"by": "day", "horizon": f"{HORIZON}d"},
    },
    "people": {
        "kind": "sql",
        "url": "sqlite:///shop.db",
        "query": "select id, name, gone, updated_at from people where updated_at > :watermark "
        "and updated_at < :until",
        "schema": {"id": "i64", "name": "str", "gone": "bool", "updated_at": "datetime"},
        "key": ["id"],
        "watermark": "updated_at",
        "overlap": "1d",
        "deleted": "gone",
    },
}


@dataclass(frozen=True)
class Version:
    """A row of the source, and when it can be seen there."""

    table: str
    row: tuple[Any, ...]
    seen_from: dt.datetime

    @property
    def updated_at(self) -> dt.datetime:
        return dt.datetime.fromisoformat(self.row[-1])

    @property
    def day(self) -> dt.date:
        return dt.datetime.fromisoformat(self.row[1]).date()


def draw(rng: random.Random) -> list[Version]:
    """A history: inserts, updates, late rows, repetitions, and commits that become visible late."""
    versions = []
    for _ in range(rng.randint(10, 40)):
        updated = _moment(rng)
        seen = updated + rng.choice((0, 0, 0.4, 1)) * OVERLAP
        number = rng.randint(1, 8)
        if rng.random() < 0.5:
            late = dt.timedelta(days=rng.choice((0, 0, 0, 1, 2, 3, -1)))
            row: tuple[Any, ...] = (number, str(updated - late), rng.choice("abc"), str(updated))
            versions.append(Version("lines", row, seen))
        else:
            row = (number, rng.choice("abc"), int(rng.random() < 0.2), str(updated))
            versions.append(Version("people", row, seen))
        if rng.random() < 0.15:
            versions.append(versions[-1])
    return versions


def _moment(rng: random.Random) -> dt.datetime:
    day = rng.choice(NIGHTS)
    hours = rng.choice((0, 0, 5, 12, 23))
    return dt.datetime.combine(day, dt.time(hours))


class Shop:
    """A pipeline over two tables that a history is played into.

    Args:
        folder: an empty folder.
        versions: the history.
    """

    def __init__(self, folder: Path, versions: Sequence[Version]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        content = dict(read_yaml(SHIPPED / "retail.yaml").content)
        content |= {"sources": SOURCES, "expectations": {}, "calendar": {}}
        content["event"] = {"table": "lines", "key": ["id"], "time": "day"}
        content["label"] = {"kind": "followed_by", "where": "value = 'a'", "same": ["id"]} | {
            "within": "2d"
        }
        content["features"] = [{"family": "calendar", "parts": ["hour"]}]
        file = folder / "shop.yaml"
        file.write_text(yaml.safe_dump(content, sort_keys=False))
        self._database = folder / "shop.db"
        self._left = sorted(versions, key=lambda version: version.seen_from)
        with closing(sqlite3.connect(self._database)) as database, database:
            database.execute(
                "create table if not exists lines (id, day text, value text, updated_at text)"
            )
            database.execute(
                "create table if not exists people (id, name text, gone, updated_at text)"
            )
        self.pipeline: Pipeline = load(str(file))

    def pass_to(self, moment: dt.datetime) -> None:
        """Let time pass: what can be seen by then is in the database."""
        with closing(sqlite3.connect(self._database)) as database, database:
            while self._left and self._left[0].seen_from <= moment:
                version = self._left.pop(0)
                database.execute(f"insert into {version.table} values (?, ?, ?, ?)", version.row)

    def run(self, night: dt.date) -> None:
        """A night up to its valid tables."""
        arrivals.take_night(self.pipeline, night, SOURCES)
        self.land(night)

    def land(self, night: dt.date) -> None:
        """Land a date from what is kept."""
        landed(self.pipeline, night, list(SOURCES))

    def settle(self) -> None:
        """Land again what is stale."""
        for night in NIGHTS:
            self.land(night)

    def tables(self) -> dict[str, bytes]:
        """Every landed and valid file."""
        found = {}
        for night in NIGHTS:
            record = last_commit(self.pipeline.store, self.pipeline.name, str(night))
            assert record is not None
            for ref in record.files:
                if ref.uri.startswith(("landed/", "valid/")):
                    found[ref.uri] = self.pipeline.store.read_bytes(ref)
        return found

    def rows(self, table: str, night: dt.date) -> pl.DataFrame:
        """A landed table, without the names of its rows."""
        path = f"landed/{self.pipeline.name}/{table}/batch_date={night}/part-0.parquet"
        rows = pl.read_parquet(self.pipeline.store.root / path, hive_partitioning=False)
        return rows.drop("_source", "_line")

    def ledger(self, night: dt.date, table: str) -> dict[str, Any]:
        """The line of `ingest` for a table of a date."""
        record = last_commit(self.pipeline.store, self.pipeline.name, str(night))
        assert record is not None
        (line,) = (
            line
            for line in record.facts["ledger"]
            if line["stage"] == "ingest" and line["table"] == table
        )
        return dict(line)


def schedules(rng: random.Random) -> Iterator[tuple[dt.datetime, dt.date]]:
    """Moments and the nights that are run at them: each once at least, none before its end.

    A night a horizon and an overlap behind the last one collects what became visible late.
    """
    ends = [dt.datetime.combine(night + dt.timedelta(days=1), dt.time()) for night in NIGHTS]
    last = ends[-1] + 2 * OVERLAP
    moments = [(rng.choice([end, end, last]), n) for end, n in zip(ends, NIGHTS, strict=True)]
    moments += [(last, night) for night in rng.choices(NIGHTS, k=rng.randint(0, 4))]
    moments += [(last, NIGHTS[-1])]
    rng.shuffle(moments)
    yield from sorted(moments, key=lambda each: each[0])


def expected_lines(versions: Sequence[Version], night: dt.date) -> list[tuple[Any, ...]]:
    """The lines of a date, slowly: of each key the last version among all in time for the date."""
    in_time: dict[int, list[Version]] = {}
    for version in versions:
        if version.table != "lines":
            continue
        late = (version.updated_at.date() - version.day).days
        arrived = (version.updated_at.date() - night).days
        if 0 <= late <= HORIZON and 0 <= arrived <= HORIZON:
            in_time.setdefault(version.row[0], []).append(version)
    last = [max(found, key=_rank) for found in in_time.values()]
    return sorted(version.row for version in last if version.day == night)


def expected_people(versions: Sequence[Version], night: dt.date) -> list[tuple[Any, ...]]:
    """The people of a date, slowly: of each key the last version up to its end."""
    known: dict[int, list[Version]] = {}
    for version in versions:
        if version.table == "people" and version.updated_at.date() <= night:
            known.setdefault(version.row[0], []).append(version)
    last = [max(found, key=_rank) for found in known.values()]
    return sorted(version.row for version in last if not version.row[2])


def _rank(version: Version) -> tuple[dt.datetime, int]:
    """By version; of equal ones by the digest of what they say, as the documentation has it."""
    return version.updated_at, name_of(version.table, version.row)
