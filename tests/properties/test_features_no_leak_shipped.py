"""No feature of the shipped retail pipeline moves with the future, on its own sample."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from flows.yaml_file import read_yaml
from tasks.core.event import EventConfig
from tasks.features.build import build
from tasks.features.config import FeaturesConfig
from tasks.features.proof import Knowledge, Proof, prove_no_leak

ROOT = Path(__file__).parents[2]
KNOWN = Knowledge(
    time="InvoiceDate",
    key=("InvoiceNo", "StockCode", "line"),
    together=("InvoiceNo",),
    dimensions={"products": "listed_at", "customers": "registered_at"},
)


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


def prove(cut_offs: int) -> Proof:
    pipeline = read_yaml(ROOT / "flows/pipelines/retail.yaml").content
    event = EventConfig.model_validate(pipeline["event"])
    config = FeaturesConfig.model_validate(pipeline["features"])
    lines = pl.read_parquet(ROOT / "infra/demo/retail.parquet").sort(KNOWN.time, *KNOWN.key)
    wanted = lines.with_columns(event.is_event().alias("wanted"))["wanted"]

    def builder(
        rows: pl.DataFrame, asked: pl.Series, tables: Mapping[str, pl.DataFrame]
    ) -> pl.DataFrame:
        return build(config, event, rows, asked, {n: t.lazy() for n, t in tables.items()})

    return prove_no_leak(
        builder,
        lines,
        wanted,
        dimensions(lines),
        KNOWN,
        cut_offs=cut_offs,
        span=config.lookback + dt.timedelta(days=1),
    )


def test_no_feature_of_the_shipped_pipeline_sees_the_future() -> None:
    proof = prove(cut_offs=5)
    assert proof.leaks == ()
    assert proof.events > 100


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_feature_of_the_shipped_pipeline_sees_the_future_at_200_cut_offs() -> None:
    proof = prove(cut_offs=200)
    assert proof.leaks == ()
    assert proof.cut_offs == 200
