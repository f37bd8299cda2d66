"""Folds and groups, against references that anyone can read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.errors import ConfigError, DataError
from tasks.train.config import BlockFolds, GroupFolds, GroupSplit, RandomFolds, RandomSplit
from tasks.train.folds import FIT, PURGED, TEST, assign_folds
from tasks.train.join import join
from tasks.train.split import PARTS, assign_parts, assign_within

START = dt.datetime(2011, 1, 1)
DELAY = dt.timedelta(hours=5)
HOURS = st.lists(st.integers(0, 50), min_size=12, max_size=80)


def events(hours: list[int], groups: int = 7) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "event_id": [f"e{i}" for i in range(len(hours))],
            "event_time": [START + dt.timedelta(hours=h) for h in hours],
            "label": pl.Series([i % 2 for i in range(len(hours))], dtype=pl.Int8),
            "who": [f"g{i * i % groups}" for i in range(len(hours))],
        }
    )


def roles(table: pl.DataFrame, config: Any, delay: dt.timedelta = DELAY) -> list[list[str]]:
    return [fold.to_list() for fold in assign_folds(table, config, delay, 3)]


@given(hours=HOURS, past_only=st.booleans())
@settings(max_examples=60, deadline=None)
def test_blocks_are_purged_as_the_reference_says(hours: list[int], past_only: bool) -> None:
    table, config = events(hours), BlockFolds(folds=3, past_only=past_only)
    times = table["event_time"].to_list()
    ordered = sorted(times)
    count = 4 if past_only else 3
    edges = [ordered[len(times) * block // count] for block in range(count)]
    for number, fold in enumerate(roles(table, config)):
        block = number + past_only
        end = edges[block + 1] if block + 1 < count else dt.datetime.max
        tested = [edges[block] <= t < end for t in times]
        last = max((t for t, test in zip(times, tested, strict=True) if test), default=None)
        for t, test, role in zip(times, tested, fold, strict=True):
            # A label is known before the block, or its event came an embargo after it.
            before = t + DELAY < edges[block]
            after = not past_only and last is not None and t > last + DELAY
            assert role == (TEST if test else FIT if before or after else PURGED)


def test_blocks_test_every_later_event_once_and_the_embargo_can_be_given() -> None:
    table = events(list(range(60)))
    found = roles(table, BlockFolds(folds=5))
    tested = [sum(fold[i] == TEST for fold in found) for i in range(60)]
    assert tested == [0] * 10 + [1] * 50
    # Of the rows before a block the last five hours are purged, as their labels were not known.
    assert [fold.count(FIT) for fold in found] == [5, 15, 25, 35, 45]
    unbarred = roles(table, BlockFolds(folds=5, embargo=dt.timedelta(0)))
    assert all(PURGED not in fold[: fold.index(TEST)] for fold in unbarred)


BY_HASH: list[tuple[Callable[[], Any], int]] = [
    (lambda: RandomFolds(folds=4), 1),
    (lambda: RandomFolds(folds=4, strata=("who",)), 1),
    (lambda: GroupFolds(folds=3, by="who"), 1),
]


@pytest.mark.parametrize(("make", "times"), BY_HASH)
def test_every_event_is_tested_once_and_fitted_on_otherwise_in_any_order(
    make: Callable[[], Any], times: int
) -> None:
    table = events([0] * 200)
    found = roles(table, make())
    for i in range(200):
        assert sorted(fold[i] for fold in found) == [FIT] * (len(found) - 1) + [TEST] * times
    backwards = roles(table.reverse(), make())
    assert [fold[::-1] for fold in backwards] == found


def test_strata_are_dealt_out_evenly_and_groups_are_kept_whole() -> None:
    table = events([0] * 200)
    folds = roles(table, RandomFolds(folds=4, strata=("who",)))
    for fold in folds:
        tested = table.with_columns(role=pl.Series(fold)).filter(pl.col("role") == TEST)
        for (_, _), rows in table.group_by("who", "label"):
            same = tested.filter(
                pl.col("who") == rows["who"][0], pl.col("label") == rows["label"][0]
            )
            assert rows.height // 4 <= same.height <= rows.height // 4 + 1
    for fold in roles(table, GroupFolds(folds=3, by="who")):
        by_group = table.with_columns(role=pl.Series(fold)).group_by("who")
        assert by_group.agg(pl.col("role").n_unique())["role"].to_list() == [1] * 4


def test_a_group_lies_whole_in_one_part_and_parts_have_about_their_shares() -> None:
    table = events([0] * 2000).with_columns(who=pl.int_range(2000) * 7919 % 400)
    divided = assign_parts(table, GroupSplit(by="who"), 5)
    spread = divided.group_by("who").agg(pl.col("part").n_unique())
    assert spread["part"].unique().to_list() == [1]
    counts = dict(divided["part"].value_counts().rows())
    for part, share in zip(PARTS, (0.56, 0.12, 0.12, 0.2), strict=True):
        assert counts[part] == pytest.approx(2000 * share, abs=10)
    again = assign_parts(table.reverse(), GroupSplit(by="who"), 5).sort("event_id")
    assert again["part"].equals(divided.sort("event_id")["part"])
    other = assign_parts(table, GroupSplit(by="who"), 6).sort("event_id")
    assert not other["part"].equals(again["part"])


def test_a_stratum_has_its_share_in_every_part() -> None:
    table = events([0] * 1000).with_columns(who=pl.int_range(1000) % 100 < 10)
    divided = assign_parts(table, RandomSplit(strata=("who",)), 1)
    rare = divided.filter("who")["part"].value_counts()
    assert dict(rare.rows()) == pytest.approx(
        {"fit": 56, "stop": 12, "calibrate": 12, "test": 20}, abs=2
    )


def test_the_rows_of_a_fold_are_divided_without_a_test_part() -> None:
    divided = assign_within(events(list(range(100))), RandomSplit(), 0)
    counts = dict(divided["part"].value_counts().rows())
    assert counts == pytest.approx({"fit": 70, "stop": 15, "calibrate": 15}, abs=2)


def test_folds_say_what_they_lack() -> None:
    timeless = events([0] * 20).with_columns(event_time=pl.lit(None, pl.Datetime("us")))
    with pytest.raises(DataError, match="split at random"):
        roles(timeless, BlockFolds())
    with pytest.raises(ConfigError, match="no whom"):
        roles(events([0] * 20), GroupFolds(by="whom"))


def test_what_is_no_example_is_counted_by_its_reason() -> None:
    ids = [f"e{i}" for i in range(12)]
    features = pl.LazyFrame({"event_id": ids, "x": range(12)})
    part = ["fit"] * 4 + ["stop", "stop", "calibrate", "calibrate", "test", "test", "embargo"]
    parts = pl.LazyFrame({"event_id": ids[:11], "label": [0, 1] * 5 + [0], "part": part})
    reasons = {"e0": "x missing", "e4": "x missing"}
    aside = pl.LazyFrame({"event_id": ids, "set_aside": [reasons.get(i) for i in ids]})
    examples, rejected = join(features, parts, aside)
    # What judges keeps its rows: a night will have to score their like.
    assert rejected == {"embargo": 1, "label not known": 1, "x missing": 1}
    assert examples["event_id"].to_list() == ids[1:10]
    assert examples.columns == ["event_id", "x", "label", "part"]
    assert join(features, parts, None)[0].height == 10
