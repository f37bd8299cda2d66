"""The shipped suites on the shipped samples: ordinary nights pass, planted faults do not."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from functools import cache
from pathlib import Path

import polars as pl
import pytest
import yaml

from expectations.check import Surroundings
from expectations.suite import Suite
from tasks.validate.config import SuiteSource, ValidationConfig
from tasks.validate.gate import Judgement, judge
from tasks.validate.suites import load

ROOT = Path(__file__).parents[3]
ORDINARY = dt.date(2010, 3, 4)
STOCK_TAKE = dt.date(2010, 2, 5)
ADJUSTMENTS = dt.date(2010, 1, 26)


def suite(name: str, day: dt.date) -> Suite:
    path = ROOT / "expectations" / "suites" / f"{name}.yaml"
    return load(SuiteSource(str(path), path.read_text()), ValidationConfig(), str(day))


@cache
def sample() -> pl.DataFrame:
    rows = pl.read_parquet(ROOT / "infra" / "demo" / "retail.parquet")
    return rows.with_columns(
        _source=pl.lit("drop.csv"), _line=pl.int_range(1, rows.height + 1, dtype=pl.Int64)
    )


def lines(day: dt.date) -> pl.DataFrame:
    return sample().filter(pl.col("InvoiceDate").dt.date() == day)


def night(rows: pl.DataFrame, day: dt.date) -> Judgement:
    priced = sample().filter(pl.col("UnitPrice") > 0)
    others = {
        "products": priced.select(stock_code="StockCode").unique().lazy(),
        "customers": sample().select(customer_id="CustomerID").drop_nulls().unique().lazy(),
    }
    share = ValidationConfig().max_quarantined_share
    return judge("lines", rows.lazy(), suite("retail/lines", day), Surroundings(others), share)


def reasons(judgement: Judgement) -> Counter[str]:
    held = judgement.quarantine.collect()
    return Counter(reason for row in held["reasons"] for reason in row)


@pytest.mark.parametrize("day", [ORDINARY, STOCK_TAKE, ADJUSTMENTS])
def test_a_trading_day_opens_the_gate(day: dt.date) -> None:
    judgement = night(lines(day), day)
    assert judgement.causes == ()
    assert set(reasons(judgement)) <= {"bookkeeping entry, not a sale", "test product"}


def test_adjustments_are_held_back() -> None:
    assert reasons(night(lines(ADJUSTMENTS), ADJUSTMENTS))["bookkeeping entry, not a sale"] == 66


def test_planted_bad_rows_are_held_back_for_their_reasons() -> None:
    good = lines(ORDINARY).filter(pl.col("InvoiceNo").str.starts_with("4"), pl.col("Quantity") > 0)
    bad = good.head(6)
    planted = pl.concat(
        [
            bad[0:1].with_columns(InvoiceDate=pl.col("InvoiceDate").dt.offset_by("-1d")),
            bad[1:2].with_columns(InvoiceNo=pl.lit("A506401"), UnitPrice=pl.lit(-53594.36)),
            bad[2:3].with_columns(StockCode=pl.lit("TEST001")),
            bad[3:4].with_columns(InvoiceNo=pl.lit(None, dtype=pl.String)),
            bad[4:5].with_columns(InvoiceNo=pl.lit("C123456")),
            bad[5:6].with_columns(Quantity=pl.lit(None, dtype=pl.Int32)),
        ]
    ).with_columns(pl.col("_line") + 10_000_000)
    before, after = lines(ORDINARY), pl.concat([lines(ORDINARY), planted])
    found = night(after, ORDINARY)
    assert found.held - night(before, ORDINARY).held == planted.height
    assert reasons(found) - reasons(night(before, ORDINARY)) == {
        "dated outside its batch": 1,
        "not an invoice or a cancellation": 1,
        "negative price": 1,
        "test product": 1,
        "no invoice number": 1,
        "a cancellation that cancels nothing": 1,
        "no quantity": 1,
    }


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        (lines(ORDINARY).head(20), "row_count"),
        (lines(ORDINARY).drop("Country"), "'Country'"),
        (lines(ORDINARY).with_columns(UnitPrice=-pl.col("UnitPrice")), "would be held back"),
    ],
    ids=["cut off", "column lost", "prices negated"],
)
def test_a_broken_drop_closes_the_gate(rows: pl.DataFrame, cause: str) -> None:
    try:
        causes = str(night(rows, ORDINARY).causes)
    except ValueError as error:
        causes = str(error)
    assert cause in causes


def test_the_connections_open_the_gate_whole() -> None:
    pipeline = yaml.safe_load((ROOT / "flows" / "pipelines" / "intrusion.yaml").read_text())
    rows = pl.read_csv(
        ROOT / "infra" / "demo" / "intrusion.csv.gz",
        has_header=False,
        new_columns=list(pipeline["sources"]["connections"]["schema"]),
        infer_schema_length=None,
    ).with_columns(_source=pl.lit("drop.csv"), _line=pl.lit(1, dtype=pl.Int64))
    day = dt.date(1999, 3, 1)
    found = judge(
        "connections", rows.lazy(), suite("intrusion/connections", day), Surroundings(), 0
    )
    assert (found.held, found.causes) == (0, ())
    assert [r.expectation.where for r in found.results if not r.success] == []


def test_shipped_dimensions_hold_back_what_is_no_product() -> None:
    columns = {
        "stock_code": ["22423", "TEST001", "ADJUST", "85123A", *map(str, range(10000, 10100))],
        "description": ["cake stand"] * 104,
        "list_price": [12.75, 1.0, 2.0, *[2.95] * 101],
        "listed_at": [dt.datetime(2010, 1, 4)] * 104,
    }
    rows = pl.LazyFrame(columns).with_columns(_source=pl.lit("api"), _line=pl.lit(1, pl.Int64))
    found = judge("products", rows, suite("retail/products", ORDINARY), Surroundings(), 0.05)
    assert reasons(found) == {"not a product": 2}
    assert found.causes == ()
