"""Values carried from other rows of an entity, against an obvious reference."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest
from conftest import EVENT, Treat
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.errors import ConfigError
from tasks.core.event import EventConfig
from tasks.core.treatments import Carry, Learned, Preparation
from tasks.prepare.apply import apply

START = dt.datetime(2010, 1, 1)
WITHIN = 30.0 * 3600
Row = dict[str, Any]

ROWS = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(["a", "b", None]), st.none() | st.integers(0, 9)),
    min_size=1,
    max_size=40,
)


def table(drawn: list[tuple[int, str | None, int | None]]) -> pl.DataFrame:
    rows = [
        {"id": i, "at": START + dt.timedelta(hours=hour), "who": who, "x": x}
        for i, (hour, who, x) in enumerate(sorted(drawn, key=lambda row: row[0]))
    ]
    schema = {"id": pl.Int64, "at": pl.Datetime("us"), "who": pl.String, "x": pl.Float64}
    return pl.DataFrame(rows, schema=schema).with_columns(batch_date=pl.col("at").dt.date())


def carried(rows: pl.DataFrame, method: Any) -> list[float | None]:
    learned = Learned(Preparation((Carry("x", method, ("who",), WITHIN),)))
    return apply(rows.lazy(), learned, EVENT).collect()["x"].to_list()


def reference(rows: list[Row], row: Row, method: str) -> float | None:
    if row["x"] is not None or row["who"] is None:
        return row["x"]
    known = [r for r in rows if r["who"] == row["who"] and r["x"] is not None]
    near = [r for r in known if abs((r["at"] - row["at"]).total_seconds()) <= WITHIN]
    if method == "forward":
        before = [r for r in near if r["at"] < row["at"]]
        return before[-1]["x"] if before else None
    after = [r for r in near if r["id"] > row["id"] and r["batch_date"] == row["batch_date"]]
    if method == "backward":
        return after[0]["x"] if after else None
    before = [r for r in near if r["id"] < row["id"]]
    if not before or not after:
        return None
    left, right = before[-1], after[0]
    span = (right["at"] - left["at"]) / dt.timedelta(hours=1)
    share = (row["at"] - left["at"]) / dt.timedelta(hours=1) / span if span else 0.0
    return left["x"] + (right["x"] - left["x"]) * share


@pytest.mark.parametrize("method", ["forward", "backward", "linear"])
@given(drawn=ROWS)
@settings(max_examples=60, deadline=None)
def test_values_are_carried_as_the_reference_says(
    method: str, drawn: list[tuple[int, str | None, int | None]]
) -> None:
    rows = table(drawn)
    dicts = rows.to_dicts()
    expected = [reference(dicts, row, method) for row in dicts]
    assert carried(rows, method) == pytest.approx(expected)


@given(drawn=ROWS, cut=st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_a_forward_fill_knows_nothing_of_its_own_time_and_later(
    drawn: list[tuple[int, str | None, int | None]], cut: int
) -> None:
    rows = table(drawn)
    moment = START + dt.timedelta(hours=cut)
    changed = rows.with_columns(
        x=pl.when((pl.col("at") >= moment) & pl.col("x").is_not_null()).then(99.0).otherwise("x")
    )
    until = (rows["at"] <= moment) & rows["x"].is_null()
    before, after = (pl.Series(carried(t, "forward")) for t in (rows, changed))
    assert before.filter(until).equals(after.filter(until))


def test_a_planted_look_ahead_is_seen_by_the_same_check() -> None:
    rows = table([(1, "a", None), (2, "a", 5)])
    changed = rows.with_columns(x=pl.when(pl.col("x") == 5).then(99.0).otherwise("x"))
    assert carried(rows, "backward") != carried(changed, "backward")
    assert carried(rows, "backward")[0] != carried(changed, "backward")[0]


@pytest.mark.parametrize("method", ["forward", "backward", "linear"])
def test_a_night_fills_its_rows_as_a_training_over_many_does(method: str) -> None:
    drawn = [(h, "ab"[h % 2], None if h % 3 else h) for h in range(96)]
    whole = table(drawn)
    trained = whole.with_columns(x=pl.Series(carried(whole, method)))
    for day in (dt.date(2010, 1, 3), dt.date(2010, 1, 4)):
        first = dt.datetime.combine(day, dt.time()) - dt.timedelta(days=2)
        night = whole.filter(pl.col("at") >= first, pl.col("batch_date") <= day)
        filled = night.with_columns(x=pl.Series(carried(night, method)))
        own = pl.col("batch_date") == day
        assert filled.filter(own).equals(trained.filter(own))


def test_texts_are_carried_too_and_indicators_tell_of_it(treat: Treat) -> None:
    rows = table([(1, "a", 1), (2, "a", None)]).with_columns(
        t=pl.Series(["p", None]), n=pl.Series([7, None])
    )
    rule = {"method": "forward", "by": "who", "within": "2h", "indicator": True}
    out, _ = treat(rows, missing={"text": rule, "columns": {"n": rule}})
    assert (out["t"].to_list(), out["t_missing"].to_list()) == (["p", "p"], [False, True])
    assert (out["n"].to_list(), out["n"].dtype) == ([7, 7], pl.Int64)


def test_events_without_a_time_or_an_entity_cannot_be_carried(treat: Treat) -> None:
    rule = {"method": "forward", "by": "who", "within": "2h"}
    timeless = EventConfig(table="l", key=("id",))
    with pytest.raises(ConfigError, match=r"event\.time"):
        treat(table([(1, "a", 1)]), event=timeless, missing={"columns": {"x": rule}})
    with pytest.raises(ConfigError, match="under `by`"):
        treat(table([(1, "a", 1)]), missing={"columns": {"x": rule | {"by": "whom"}}})
