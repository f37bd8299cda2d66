"""What is kept of a source, and what a date makes of it, rule by rule."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows import arrivals
from tasks.core.artifacts import Landed
from tasks.core.commit import last_commit, open_run
from tasks.core.quarantine import SCHEMA
from tasks.ingest import merging
from tests.properties.arriving import NIGHTS, Shop, Version

FIRST, SECOND, THIRD, FOURTH = NIGHTS[:4]
DAY = dt.timedelta(days=1)
LONG_AFTER = dt.datetime(2010, 2, 1)
Play = Callable[..., Shop]


def line(key: int, day: dt.date, value: str, arrives: dt.date, hour: int = 12) -> Version:
    updated = dt.datetime.combine(arrives, dt.time(hour))
    return Version("lines", (key, f"{day} 10:00:00", value, str(updated)), updated)


def person(key: int, name: str, arrives: dt.date, gone: bool = False) -> Version:
    updated = dt.datetime.combine(arrives, dt.time(12))
    return Version("people", (key, name, int(gone), str(updated)), updated)


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """A shop with a history, all of it visible, and nights that were run."""

    def run(versions: list[Version], *nights: dt.date) -> Shop:
        shop = Shop(tmp_path / "shop", versions)
        shop.pass_to(LONG_AFTER)
        for night in nights:
            shop.run(night)
        shop.settle()
        return shop

    return run


def values(shop: Shop, night: dt.date, table: str = "lines") -> dict[int, str]:
    return {row[0]: row[2 if table == "lines" else 1] for row in shop.rows(table, night).rows()}


def rejected(shop: Shop, night: dt.date, table: str = "lines") -> dict[str, int]:
    return dict(shop.ledger(night, table)["rejected"])


def account(shop: Shop, night: dt.date, table: str = "lines") -> dict[str, Any]:
    """What a night's own take came to."""
    record = last_commit(shop.pipeline.store, "retail", f"arrivals-{table}-{night}")
    assert record is not None
    return dict(record.facts["account"])


def change(shop: Shop, statement: str, *parameters: object) -> None:
    path = shop.pipeline.folder / "shop.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement, parameters)


def test_a_late_row_lands_on_its_own_date_and_each_night_says_so(play: Play) -> None:
    shop = play([line(1, FIRST, "a", FIRST), line(2, FIRST, "b", SECOND)], FIRST, SECOND)
    assert values(shop, FIRST) == {1: "a", 2: "b"}
    assert values(shop, SECOND) == {}
    assert rejected(shop, SECOND) == {"belongs to another date": 1}
    assert shop.ledger(SECOND, "lines")["rows_in"] == 1


def test_rows_beyond_the_horizon_and_of_the_future_are_rejected_where_they_arrived(
    play: Play,
) -> None:
    shop = play([line(1, FIRST, "a", FOURTH), line(2, FOURTH, "b", THIRD)], *NIGHTS)
    assert values(shop, FIRST) == values(shop, FOURTH) == {}
    assert rejected(shop, FOURTH) == {"beyond the horizon of 2d": 1}
    assert rejected(shop, THIRD) == {"after its own arrival": 1}


def test_the_last_version_of_a_key_wins_whichever_night_read_it(play: Play) -> None:
    versions = [line(1, FIRST, "old", FIRST), line(1, FIRST, "new", SECOND)]
    shop = play(versions, SECOND, FIRST)
    assert values(shop, FIRST) == {1: "new"}
    assert rejected(shop, FIRST) == {"older version": 1}


def test_a_version_of_another_date_takes_its_key_along(play: Play) -> None:
    versions = [line(1, FIRST, "a", FIRST), line(1, SECOND, "b", SECOND)]
    for nights in ((FIRST, SECOND), (SECOND, FIRST)):
        shop = play(versions, *nights)
        assert values(shop, FIRST) == {}
        assert values(shop, SECOND) == {1: "b"}


def test_a_version_that_comes_when_the_date_is_closed_leaves_it_alone(play: Play) -> None:
    shop = play([line(1, FIRST, "a", FIRST), line(1, FOURTH, "b", FOURTH)], *NIGHTS)
    assert values(shop, FIRST) == {1: "a"}
    assert values(shop, FOURTH) == {1: "b"}


def test_a_dimension_has_what_was_known_by_each_date(play: Play) -> None:
    versions = [person(1, "a", FIRST), person(1, "b", SECOND), person(2, "c", SECOND)]
    shop = play([*versions, person(1, "b", THIRD, gone=True)], FIRST, THIRD, SECOND)
    assert [values(shop, night, "people") for night in NIGHTS[:3]] == [
        {1: "a"},
        {1: "b", 2: "c"},
        {2: "c"},
    ]
    assert rejected(shop, THIRD, "people") == {"deleted": 1, "older version": 2}


def test_a_key_that_is_gone_stays_gone_for_older_versions_that_come_late(play: Play) -> None:
    late = person(1, "a", FIRST)
    shop = play([person(1, "b", SECOND, gone=True)], FIRST, SECOND, THIRD)
    change(shop, "insert into people values (?, ?, ?, ?)", *late.row)
    shop.run(SECOND)
    shop.settle()
    assert values(shop, FIRST, "people") == {1: "a"}
    assert values(shop, THIRD, "people") == {}


def test_the_overlap_finds_what_became_visible_late_and_drops_what_it_knows(play: Play) -> None:
    shop = play([person(1, "a", FIRST)], FIRST)
    change(shop, "insert into people values (2, 'late', 0, ?)", f"{FIRST} 13:00:00")
    shop.run(SECOND)
    assert account(shop, SECOND, "people")["rejected"] == {"read again": 1, "of a later night": 0}
    shop.settle()
    assert values(shop, FIRST, "people") == {1: "a", 2: "late"}


def test_rows_of_a_later_night_are_left_to_it(play: Play) -> None:
    shop = play([line(1, FIRST, "a", FIRST), line(2, SECOND, "b", SECOND)], FIRST)
    assert account(shop, FIRST)["rejected"] == {"read again": 0, "of a later night": 1}


def test_a_night_run_again_keeps_what_the_source_has_overwritten(play: Play) -> None:
    shop = play([person(1, "a", FIRST)], FIRST)
    change(shop, "update people set name = 'b', updated_at = ?", f"{SECOND} 12:00:00")
    for night in (SECOND, FIRST):
        shop.run(night)
    shop.settle()
    assert values(shop, FIRST, "people") == {1: "a"}
    assert values(shop, SECOND, "people") == {1: "b"}


def test_a_night_run_again_takes_a_correction_of_the_same_version(play: Play) -> None:
    shop = play([person(1, "wrong", FIRST)], FIRST)
    for name in ("right", "a", "zz"):
        change(shop, "update people set name = ?", name)
        shop.run(FIRST)
        shop.settle()
        assert values(shop, FIRST, "people") == {1: name}


def test_a_night_run_again_publishes_the_same_bytes(play: Play) -> None:
    versions = [line(1, FIRST, "a", FIRST), line(2, FIRST, "b", SECOND), person(1, "a", FIRST)]
    shop = play(versions, FIRST, SECOND)
    before = {path: path.read_bytes() for path in shop.pipeline.store.root.rglob("*.parquet")}
    for night in (SECOND, FIRST, SECOND):
        shop.run(night)
    after = {path: path.read_bytes() for path in shop.pipeline.store.root.rglob("*.parquet")}
    assert after == before


def test_a_record_without_a_date_is_held_back_once(play: Play) -> None:
    shop = play([line(1, FIRST, "a", FIRST)], FIRST)
    change(shop, "insert into lines values (2, null, 'b', ?)", f"{FIRST} 12:00:00")
    for night in (FIRST, SECOND, FIRST):
        shop.run(night)
    shop.settle()
    path = f"quarantine/retail/lines/batch_date={FIRST}/ingest.parquet"
    held = pl.read_parquet(shop.pipeline.store.root / path, hive_partitioning=False)
    assert dict(held.schema) == SCHEMA
    assert held["reasons"].to_list() == [["day: a row without it has no date"]]
    assert account(shop, SECOND)["rejected"]["read again"] == 2
    assert shop.ledger(FIRST, "lines")["quarantined"] == 1
    assert shop.ledger(SECOND, "lines")["quarantined"] == 0


def test_an_earlier_table_as_base_saves_work_and_changes_no_byte(play: Play) -> None:
    versions = [person(key % 7, f"{key}", NIGHTS[key % 6], gone=key % 5 == 0) for key in range(60)]
    shop = play(versions, *NIGHTS)
    known = arrivals.all_kept(shop.pipeline)["people"]
    last = NIGHTS[-1]
    base = arrivals.base(shop.pipeline, known, last)
    assert base is not None
    assert base.inputs.day == NIGHTS[-2]
    with open_run(shop.pipeline.store, "retail", str(last), "test") as run:
        slowly = merging.merge(run, known.feed, known.inputs(last))
        based = merging.merge(run, known.feed, known.inputs(last), base)
    assert based == slowly
    record = last_commit(shop.pipeline.store, "retail", str(last))
    assert record is not None
    assert based.table == record.find(Landed, based.table.uri)


def test_rows_of_closed_days_are_rejected_where_they_are_accounted_for(
    play: Play, tmp_path: Path
) -> None:
    shop = Shop(tmp_path / "closed", [line(1, SECOND, "a", SECOND), line(2, FIRST, "b", SECOND)])
    shop.pass_to(LONG_AFTER)
    calendar = type(shop.pipeline.config.calendar)(closed_dates=(SECOND,))
    config = shop.pipeline.config.model_copy(update={"calendar": calendar})
    object.__setattr__(shop.pipeline, "config", config)
    for night in (FIRST, THIRD):
        shop.run(night)
    shop.land(FIRST)
    assert values(shop, FIRST) == {2: "b"}
    assert rejected(shop, THIRD) == {"of a closed day": 1, "belongs to another date": 1}
