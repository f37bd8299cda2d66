"""Features of any event table: any input order, any loading, the same bits."""

from __future__ import annotations

import datetime as dt

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.batches import in_order
from tasks.core.event import EventConfig
from tasks.features.build import build
from tasks.features.config import FeaturesConfig
from tasks.prepare.config import PrepareConfig
from tasks.prepare.duplicates import repeated

EVENT = EventConfig(table="t", key=("id",), time="at", entities=("who",))
CONFIG = FeaturesConfig.model_validate(
    [
        {
            "family": "history",
            "entity": "who",
            "windows": ["3h", "2d"],
            "statistics": [
                *("count", "sum", "mean", "std", "min", "max", "median", "p90"),
                *("ratio", "zscore", "since_last", "since_first"),
            ],
            "values": ["x"],
            "last": [2],
            "distinct": ["what"],
            "velocity": True,
        },
        {
            "family": "streaks",
            "entity": "who",
            "windows": ["1d"],
            "conditions": {"high": "x > 0"},
            "unchanged": "what",
        },
        {"family": "sequence", "entity": "who", "steps": 2, "within": "1d", "values": ["x"]},
        {"family": "series", "steps": 2, "every": "3h", "values": ["x"], "statistic": "median"},
        {"family": "novelty", "entity": "who", "of": "what", "windows": ["2d"]},
        {"family": "frequency", "columns": "what", "windows": ["1d"]},
        {
            "family": "risk",
            "entity": "what",
            "where": "x > 0",
            "delay": "2h",
            "windows": ["1d"],
            "smoothing": 3,
        },
        {"family": "basket", "by": "who", "values": ["x"], "distinct": "what"},
    ]
)
START = dt.datetime(2020, 1, 1)

ROWS = st.lists(
    st.tuples(
        st.integers(0, 96),
        st.sampled_from(["a", "b", None]),
        st.sampled_from(["p", "q", "r", None]),
        st.one_of(st.none(), st.floats(-1e9, 1e9, allow_subnormal=False)),
    ),
    min_size=1,
    max_size=40,
)


def table(rows: list[tuple[int, str | None, str | None, float | None]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": range(len(rows)),
            "at": [START + dt.timedelta(hours=row[0]) for row in rows],
            "who": [row[1] for row in rows],
            "what": [row[2] for row in rows],
            "x": [row[3] for row in rows],
        },
        schema_overrides={"who": pl.String, "what": pl.String, "x": pl.Float64},
    ).with_columns(batch_date=pl.col("at").dt.date())


def features(rows: pl.DataFrame) -> pl.DataFrame:
    """Features by id, of rows in any order, prepared as the stage prepares them."""
    ordered = in_order(rows.lazy(), EVENT).collect()
    kept = ordered.filter(repeated(ordered, EVENT, PrepareConfig()).is_null())
    wanted = pl.repeat(True, kept.height, dtype=pl.Boolean, eager=True)
    made = build(CONFIG, EVENT, kept, wanted, {})
    return pl.concat([kept.select("id", "at"), made], how="horizontal").sort("id")


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, seed=st.integers(0, 9))
def test_the_order_of_the_input_and_repeated_rows_change_nothing(
    rows: list[tuple[int, str | None, str | None, float | None]], seed: int
) -> None:
    one = table(rows)
    other = pl.concat([one, one.head(3)]).sample(fraction=1, shuffle=True, seed=seed)
    assert features(one).equals(features(other), null_equal=True)


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, hour=st.integers(0, 96))
def test_a_night_built_from_its_own_history_equals_the_whole_built_at_once(
    rows: list[tuple[int, str | None, str | None, float | None]], hour: int
) -> None:
    whole = table(rows)
    cut = START + dt.timedelta(hours=hour)
    loaded = whole.filter(pl.col("at") >= cut - CONFIG.lookback)
    late = pl.col("at") >= cut
    assert features(whole).filter(late).equals(features(loaded).filter(late), null_equal=True)


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, hour=st.integers(0, 96))
def test_what_comes_later_changes_nothing(
    rows: list[tuple[int, str | None, str | None, float | None]], hour: int
) -> None:
    whole = table(rows)
    cut = START + dt.timedelta(hours=hour)
    known = whole.filter(pl.col("at") < cut)
    if known.height:
        before = features(whole).filter(pl.col("at") < cut)
        assert before.equals(features(known), null_equal=True)


LATE = st.lists(st.integers(0, 3), min_size=40, max_size=40)


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, late=LATE, seen_late=LATE)
def test_at_once_every_event_sees_what_the_night_of_its_date_saw(
    rows: list[tuple[int, str | None, str | None, float | None]],
    late: list[int],
    seen_late: list[int],
) -> None:
    def arriving(table: pl.DataFrame, days: list[int], name: str) -> pl.DataFrame:
        after = pl.duration(days=pl.Series(days[: table.height]))
        return table.with_columns((pl.col("batch_date") + after).alias(name))

    events = {"family": "events", "table": "seen", "time": "at", "on": {"who": "who"}}
    config = FeaturesConfig.model_validate([*CONFIG.root, {**events, "windows": ["2d"]}])
    whole = arriving(table(rows), late, "batch_date").sort("at", "id")
    seen = arriving(table(rows), seen_late, "_arrived").drop("batch_date")

    def built(until: dt.date, asked: pl.Expr) -> pl.DataFrame:
        there = whole.filter(pl.col("batch_date") <= until)
        known = {"seen": seen.lazy().filter(pl.col("_arrived") <= until)}
        wanted = there.select(asked.alias("asked")).to_series()
        made = build(config, EVENT, there, wanted, known)
        return pl.concat([there.filter(wanted).select("id"), made], how="horizontal")

    days = whole["batch_date"].unique().to_list()
    nights = pl.concat([built(day, pl.col("batch_date") == day) for day in days])
    at_once = built(max(days) + dt.timedelta(days=9), pl.col("id") >= 0)
    assert at_once.sort("id").equals(nights.sort("id"), null_equal=True)
