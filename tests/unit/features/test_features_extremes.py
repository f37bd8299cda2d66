"""Values at the ends of their types, infinities, zones of time, validity that overlaps."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.event import EventConfig
from tasks.features.codes import codes
from tests.unit.features.reference import DAY, features

START = dt.datetime(2020, 1, 10)
EVENT = EventConfig(table="rows", key=("id",), time="at")


def rows(**columns: Any) -> pl.DataFrame:
    height = len(next(iter(columns.values())))
    times = [START + number * dt.timedelta(hours=1) for number in range(height)]
    frame = pl.DataFrame({"id": range(height), "at": times, **columns})
    return frame.with_columns(batch_date=pl.col("at").dt.date())


def test_small_integers_do_not_wrap_around_in_sql() -> None:
    table = rows(
        who=["a", "a"],
        price=pl.Series([2_000_000_000, 5], dtype=pl.Int32),
        pieces=pl.Series([3, 1], dtype=pl.UInt8),
        returned=pl.Series([5, 1], dtype=pl.UInt8),
    )
    found = features(
        table,
        EVENT,
        [
            {"family": "expressions", "expressions": {"left": "pieces - returned"}},
            {
                "family": "history",
                "entity": "who",
                "windows": ["1d"],
                "where": "price * pieces > 5000000000",
                "name": "dear",
                "statistics": ["count", "sum"],
                "values": {"worth": "price * pieces"},
            },
            {"family": "basket", "by": ["who"], "values": {"worth": "price * pieces"}},
        ],
    )
    assert found["left"].to_list() == [-2, 0]
    assert found["who.dear_count_1d"].to_list() == [0, 1]
    assert found["who.dear_worth_sum_1d"].to_list() == [0, 6e9]
    assert found["who.worth_sum"].to_list() == [6e9, 5]


def test_a_value_that_single_precision_cannot_hold_is_missing() -> None:
    table = rows(x=[1e300, float("inf"), float("-inf"), float("nan"), 5.0])
    found = features(table, EVENT, [{"family": "columns", "columns": ["x"], "log": ["x"]}])
    assert found["x"].to_list() == [None, None, None, None, 5]
    assert found["log_x"].is_null().to_list() == [False, True, True, True, False]


@settings(max_examples=60, deadline=None)
@given(
    pairs=st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(2**64 - 4, 2**64 - 1), st.integers(0, 3)),
            st.one_of(st.none(), st.integers(-128, 127)),
        ),
        min_size=1,
        max_size=300,
    )
)
def test_equal_values_have_equal_codes_whatever_their_size(
    pairs: list[tuple[int | None, int | None]],
) -> None:
    ones, others = zip(*pairs, strict=True)
    table = pl.DataFrame(
        {"one": ones, "other": others}, schema={"one": pl.UInt64, "other": pl.Int8}
    )
    found, _ = codes(table, table.head(0), ["one", "other"])
    by_code: dict[int, set[tuple[int | None, int | None]]] = {}
    for code, pair in zip(found.tolist(), pairs, strict=True):
        by_code.setdefault(code, set()).add(pair)
    assert all(None in pair for pair in by_code.pop(-1, set()))
    assert all(len(same) == 1 for same in by_code.values())
    assert len(by_code) == len({pair for pair in pairs if None not in pair})


def test_codes_of_many_combinations_leave_room_for_times() -> None:
    several = pl.Series(range(50_000)).cast(pl.String)
    table = pl.DataFrame({"one": several, "other": several.reverse()})
    found, _ = codes(table, table.head(0), ["one", "other"])
    assert found.max() < 2**31
    assert len(np.unique(found)) == 50_000


def test_a_holiday_is_the_day_of_the_zone_that_times_are_told_in() -> None:
    table = rows(x=[0, 0]).with_columns(
        at=pl.Series([dt.datetime(2020, 7, 1, 22, 30), dt.datetime(2020, 7, 1, 23, 30)])
        .dt.replace_time_zone("UTC")
        .dt.convert_time_zone("Europe/London")
    )
    families: list[dict[str, Any]] = [
        {"family": "holidays", "dates": ["2020-07-02"]},
        {"family": "calendar", "parts": ["day", "hour"]},
    ]
    found = features(table, EVENT, families)
    assert found["day"].to_list() == [1, 2]
    assert found["holiday"].to_list() == [0, 1]


SPAN = st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.one_of(st.none(), st.integers(0, 12)))


@settings(max_examples=80, deadline=None)
@given(
    spans=st.lists(SPAN, max_size=12), asked=st.lists(st.integers(0, 12), min_size=1, max_size=6)
)
def test_where_the_newest_row_has_ended_an_older_one_that_is_valid_is_taken(
    spans: list[tuple[str, int, int | None]], asked: list[int]
) -> None:
    known = pl.DataFrame(
        [
            {
                "key": key,
                "value": float(place),
                "since": START + first * DAY,
                "until": None if last is None else START + last * DAY,
            }
            for place, (key, first, last) in enumerate(spans)
        ],
        schema={"key": pl.String, "value": pl.Float64, "since": pl.Datetime, "until": pl.Datetime},
    )
    table = rows(key=["a", "b"] * len(asked)).with_columns(
        at=pl.Series([START + day * DAY for day in sorted(asked) for _ in "ab"])
    )
    family = {
        "family": "lookup",
        "table": "list",
        "on": {"key": "key"},
        "columns": ["value"],
        "known_from": "since",
        "known_until": "until",
    }
    found = features(table, EVENT, [family], list=known)
    for event, value in zip(table.to_dicts(), found["list.value"], strict=True):
        valid = [
            row
            for row in known.to_dicts()
            if row["key"] == event["key"]
            and row["since"] < event["at"]
            and (row["until"] is None or row["until"] > event["at"])
        ]
        newest = max((row["since"] for row in valid), default=None)
        assert (value is None) == (newest is None)
        assert value in {None, *(row["value"] for row in valid if row["since"] == newest)}


def test_which_of_two_versions_of_a_row_counts_does_not_depend_on_what_is_loaded() -> None:
    table = rows(who=["a", "a"]).with_columns(at=pl.Series([START, START + 5 * DAY]))
    seen = pl.DataFrame(
        {"number": [7, 7], "who": ["a", "a"], "when": [START - DAY / 2, START + 4.5 * DAY]}
    )
    family = {
        "family": "events",
        "table": "seen",
        "on": {"who": "who"},
        "time": "when",
        "key": ["number"],
        "windows": ["1d"],
    }
    whole = features(table, EVENT, [family], seen=seen)
    alone = features(table, EVENT, [family], pl.Series([False, True]), seen=seen)
    assert whole["seen.count_1d"].to_list() == [1, 1]
    assert alone["seen.count_1d"].to_list() == [1]
