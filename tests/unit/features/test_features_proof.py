"""No feature of any family moves when the future does; a leak that was planted is found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

import polars as pl
import pytest

from tasks.core.event import EventConfig
from tasks.features.build import build
from tasks.features.config import FeaturesConfig
from tasks.features.knowledge import Knowledge
from tasks.features.proof import prove_no_leak

KNOWN = Knowledge(
    time="at",
    key=("invoice", "line"),
    together=(("invoice",),),
    late={"fraud": dt.timedelta(days=2)},
    dimensions={"products": "listed_at", "logins": "when"},
    landed=frozenset({"logins"}),
    ends={"products": "ends_at"},
)
EVERY_FAMILY = [
    {"family": "columns", "columns": ["price"], "log": ["quantity"], "missing": ["price"]},
    {"family": "expressions", "expressions": {"amount": "quantity * price"}},
    {"family": "pairs", "ratios": [["price", "quantity"]], "differences": [["price", "quantity"]]},
    {"family": "calendar", "cyclic": ["hour"]},
    {"family": "text", "columns": ["note"]},
    {"family": "categories", "one_hot": {"product": ["P1"]}, "ordinal": {"product": ["P1", "P2"]}},
    {"family": "frequency", "columns": ["product"], "windows": ["7d"]},
    {
        "family": "history",
        "entity": "customer",
        "windows": ["1d", "10d"],
        "statistics": [
            *("count", "sum", "mean", "std", "min", "max", "median", "p90"),
            *("ratio", "zscore", "since_last", "since_first"),
        ],
        "last": [3],
        "values": {"amount": "quantity * price", "price": "price"},
        "distinct": ["product"],
        "velocity": True,
    },
    {
        "family": "history",
        "entity": "product",
        "windows": ["10d"],
        "statistics": ["mean"],
        "values": ["fraud"],
        "delay": "2d",
    },
    {"family": "novelty", "entity": "customer", "of": "product", "windows": ["20d"]},
    {
        "family": "risk",
        "entity": "product",
        "where": "fraud = 1",
        "delay": "2d",
        "windows": ["10d"],
        "smoothing": 2,
    },
    {
        "family": "streaks",
        "entity": "customer",
        "windows": ["10d"],
        "conditions": {"cheap": "price < 5"},
        "unchanged": ["product"],
    },
    {
        "family": "sequence",
        "entity": "customer",
        "steps": 3,
        "within": "10d",
        "values": ["price"],
    },
    {"family": "series", "steps": 3, "every": "12h", "values": ["price"], "counts": True},
    {
        "family": "events",
        "table": "logins",
        "on": {"customer": "who"},
        "time": "when",
        "windows": ["10d"],
        "last": [3],
        "statistics": ["count", "sum", "median", "since_last"],
        "values": ["score"],
        "distinct": ["score"],
    },
    {"family": "bins", "edges": {"price": [1, 5]}},
    {"family": "crosses", "products": [["price", "quantity"]], "hashed": [["product", "note"]]},
    {"family": "ngrams", "columns": "note", "buckets": 4},
    {"family": "holidays", "country": "GB"},
    {
        "family": "basket",
        "by": "invoice",
        "values": ["price"],
        "statistics": ["sum", "mean", "min", "max", "share", "rank"],
        "distinct": ["product"],
    },
    {
        "family": "lookup",
        "table": "products",
        "on": {"product": "code"},
        "columns": "list_price",
        "known_from": "listed_at",
        "known_until": "ends_at",
        "age": True,
    },
]


@pytest.fixture
def wanted(lines: pl.DataFrame, event: EventConfig) -> pl.Series:
    return lines.with_columns(event.is_event().alias("wanted"))["wanted"]


def late(rows: pl.DataFrame, time: str, date: str) -> pl.DataFrame:
    """The rows, each fifth of them come with the batch date three days after its time."""
    days = pl.when(pl.int_range(pl.len()) % 5 == 0).then(3).otherwise(0)
    return rows.with_columns(
        pl.col(time).dt.date().dt.offset_by(pl.format("{}d", days)).alias(date)
    )


@pytest.mark.parametrize(
    ("some_late", "cut_offs"),
    [(False, 40), (True, 8), pytest.param(False, 200, marks=pytest.mark.slow)],
)
def test_no_family_sees_the_future(
    some_late: bool,
    cut_offs: int,
    lines: pl.DataFrame,
    event: EventConfig,
    wanted: pl.Series,
    products: pl.DataFrame,
    logins: pl.DataFrame,
) -> None:
    config = FeaturesConfig.model_validate(EVERY_FAMILY)

    def builder(
        rows: pl.DataFrame, asked: pl.Series, tables: Mapping[str, pl.DataFrame]
    ) -> pl.DataFrame:
        return build(config, event, rows, asked, {n: t.lazy() for n, t in tables.items()})

    if some_late:
        lines, logins = late(lines, "at", "batch_date"), late(logins, "when", "_arrived")
    tables = {"products": products, "logins": logins}
    proof = prove_no_leak(builder, lines, wanted, tables, KNOWN, cut_offs=cut_offs, events=20)
    assert proof.leaks == ()
    assert proof.cut_offs == cut_offs
    assert proof.events > 10 * cut_offs
    assert len(proof.features) > 50


PLANTED = {
    "average of the whole table": pl.col("price").mean(),
    "rank among all rows": pl.col("price").rank(),
    "the next row of the entity": pl.col("price").shift(-1).over("customer"),
    "a window that includes its own instant": pl.col("price").rolling_sum_by(
        "at", "5d", closed="both"
    ),
    "rows of the same instant": pl.len().over("at"),
    "a row that came later than the event": pl.col("price").rolling_sum_by(
        "at", "5d", closed="left"
    ),
    "a label before its delay": pl.col("fraud").rolling_sum_by("at", "5d", closed="left"),
}


@pytest.mark.parametrize("leak", PLANTED)
def test_a_planted_leak_is_found(lines: pl.DataFrame, wanted: pl.Series, leak: str) -> None:
    def builder(
        rows: pl.DataFrame, asked: pl.Series, tables: Mapping[str, pl.DataFrame]
    ) -> pl.DataFrame:
        planted = PLANTED[leak].cast(pl.Float32).alias("planted")
        return rows.select(planted, pl.col("quantity").alias("honest")).filter(asked)

    proof = prove_no_leak(builder, late(lines, "at", "batch_date"), wanted, {}, KNOWN, cut_offs=30)
    assert [leak.feature for leak in proof.leaks] == ["planted"]
    assert proof.leaks[0].event_time <= proof.leaks[0].cut_off


@pytest.mark.parametrize(("time", "seed"), [(None, 0), ("at", 1)])
def test_the_own_label_of_an_event_is_found_though_it_is_rare(
    lines: pl.DataFrame, wanted: pl.Series, time: str | None, seed: int
) -> None:
    rare = lines.with_columns(fraud=(pl.int_range(pl.len()) % 50 == 0).cast(pl.Int64))
    known = replace(KNOWN, time=time, late={"fraud": dt.timedelta(0)}, together=())

    def builder(
        rows: pl.DataFrame, asked: pl.Series, tables: Mapping[str, pl.DataFrame]
    ) -> pl.DataFrame:
        return rows.select(pl.col("fraud").alias("own"), "quantity").filter(asked)

    proof = prove_no_leak(builder, rare, wanted, {}, known, cut_offs=3, seed=seed)
    assert [leak.feature for leak in proof.leaks] == ["own"]


def test_a_lookup_that_takes_the_present_is_found(
    lines: pl.DataFrame, wanted: pl.Series, products: pl.DataFrame
) -> None:
    def builder(
        rows: pl.DataFrame, asked: pl.Series, tables: Mapping[str, pl.DataFrame]
    ) -> pl.DataFrame:
        newest = tables["products"].group_by("code").agg(pl.col("list_price").max())
        joined = rows.join(newest, left_on="product", right_on="code", how="left")
        return joined.select("list_price").filter(asked)

    tables = {"products": products}
    proof = prove_no_leak(builder, lines, wanted, tables, KNOWN, cut_offs=10)
    assert [leak.feature for leak in proof.leaks] == ["list_price"]


def test_a_second_event_table_that_is_read_before_it_came_is_found(
    lines: pl.DataFrame, wanted: pl.Series, logins: pl.DataFrame
) -> None:
    def builder(
        rows: pl.DataFrame, asked: pl.Series, tables: Mapping[str, pl.DataFrame]
    ) -> pl.DataFrame:
        seen = tables["logins"].sort("when").select("when", count=pl.int_range(pl.len()))
        joined = rows.join_asof(seen, left_on="at", right_on="when", allow_exact_matches=False)
        return joined.select("count").filter(asked)

    tables = {"logins": late(logins, "when", "_arrived")}
    proof = prove_no_leak(builder, lines, wanted, tables, KNOWN, cut_offs=10)
    assert [leak.feature for leak in proof.leaks] == ["count"]
    on_time = {"logins": logins.with_columns(_arrived=pl.col("when").dt.date())}
    assert not prove_no_leak(builder, lines, wanted, on_time, KNOWN, cut_offs=10).leaks


def test_a_proof_from_the_rows_near_each_cut_off_finds_leaks_as_well(
    lines: pl.DataFrame, wanted: pl.Series
) -> None:
    def builder(
        rows: pl.DataFrame, asked: pl.Series, tables: Mapping[str, pl.DataFrame]
    ) -> pl.DataFrame:
        ahead = pl.col("price").shift(-1).over("customer").alias("ahead")
        return rows.select(ahead).filter(asked)

    span = dt.timedelta(days=12)
    proof = prove_no_leak(builder, lines, wanted, {}, KNOWN, cut_offs=10, span=span)
    assert [leak.feature for leak in proof.leaks] == ["ahead"]
