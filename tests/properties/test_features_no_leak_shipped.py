"""No feature of a shipped pipeline moves with the future, on its own sample."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from flows.pipeline import load
from tasks.features.build import build
from tasks.features.knowledge import knowledge
from tasks.features.proof import Proof, prove_no_leak

ROOT = Path(__file__).parents[2]


def dimensions(lines: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Products and customers as the demo derives them: from their first lines."""
    first = lines.sort("InvoiceDate").group_by("StockCode", maintain_order=True).first()
    products = first.select(
        stock_code="StockCode",
        description="Description",
        list_price="UnitPrice",
        listed_at=pl.col("InvoiceDate").dt.truncate("1d"),
    )
    known = lines.drop_nulls("CustomerID").sort("InvoiceDate")
    customers = (
        known.group_by("CustomerID", maintain_order=True)
        .first()
        .select(
            customer_id="CustomerID",
            country="Country",
            registered_at=pl.col("InvoiceDate").dt.truncate("1d"),
        )
    )
    return {"products": products, "customers": customers}


def retail() -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    lines = pl.read_parquet(ROOT / "infra/demo/retail.parquet")
    lines = lines.sort("InvoiceDate", "InvoiceNo", "StockCode", "line")
    return lines.with_columns(batch_date=pl.col("InvoiceDate").dt.date()), dimensions(lines)


def intrusion() -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    columns = load("intrusion").columns("connections")
    rows = pl.read_csv(ROOT / "infra/demo/intrusion.csv.gz", has_header=False, new_columns=columns)
    numbered = (
        rows.head(2_000).with_row_index("_line").with_columns(pl.lit("sample").alias("_source"))
    )
    return numbered.with_columns(batch_date=dt.date(1999, 1, 1)), {}


def prove(name: str, cut_offs: int) -> Proof:
    pipeline = load(name).config
    event, config = pipeline.event, pipeline.features
    lines, tables = {"retail": retail, "intrusion": intrusion}[name]()
    wanted = lines.with_columns(event.is_event().alias("wanted"))["wanted"]

    def builder(
        rows: pl.DataFrame, asked: pl.Series, tables: Mapping[str, pl.DataFrame]
    ) -> pl.DataFrame:
        return build(config, event, rows, asked, {n: t.lazy() for n, t in tables.items()})

    return prove_no_leak(
        builder,
        lines,
        wanted,
        tables,
        knowledge(config, event, {}),
        cut_offs=cut_offs,
        span=config.lookback + dt.timedelta(days=1),
    )


@pytest.mark.parametrize(("name", "cut_offs"), [("retail", 20), ("intrusion", 200)])
def test_no_feature_of_a_shipped_pipeline_sees_the_future(name: str, cut_offs: int) -> None:
    proof = prove(name, cut_offs)
    assert proof.leaks == ()
    assert proof.cut_offs == cut_offs
    assert proof.events >= cut_offs


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_feature_of_retail_sees_the_future_at_200_cut_offs() -> None:
    proof = prove("retail", 200)
    assert proof.leaks == ()
    assert proof.cut_offs == 200
