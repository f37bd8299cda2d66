"""Lay the samples out in a folder as a user would have them."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path

import polars as pl

MARK = "demo.json"
PRODUCTS = "products.json"
CUSTOMERS = "customers.db"
_CONNECTION_DROPS = 10
_FIRST_CONNECTION_DROP = date(1999, 3, 1)


def sample(name: str) -> Path:
    """A sample file: inside the installed package, or in the checkout beside it."""
    packaged = Path(__file__).parent / "samples" / name
    return packaged if packaged.is_file() else Path(__file__).parents[2] / "infra" / "demo" / name


def lay_out_retail(
    folder: Path, pipeline_file: Path, lines: pl.DataFrame | None = None
) -> list[date]:
    """Write daily CSV drops, the product list, the customer database and the pipeline file.

    Args:
        folder: where; files that are there already are written anew.
        pipeline_file: the pipeline file to copy beside them.
        lines: invoice lines to take in place of the sample.

    Returns:
        The trading days, in order.
    """
    lines = pl.read_parquet(sample("retail.parquet")) if lines is None else lines
    folder.mkdir(parents=True, exist_ok=True)
    by_day = lines.with_columns(day=pl.col("InvoiceDate").dt.date()).partition_by(
        "day", include_key=False, as_dict=True, maintain_order=True
    )
    for (day,), drop in by_day.items():
        target = folder / "drops" / str(day) / "lines.csv"
        target.parent.mkdir(parents=True, exist_ok=True)
        drop.write_csv(target, datetime_format="%Y-%m-%d %H:%M:%S")
    _write_products(lines, folder / PRODUCTS)
    _write_customers(lines, folder / CUSTOMERS)
    shutil.copyfile(pipeline_file, folder / pipeline_file.name)
    (folder / MARK).write_text(json.dumps({"pipeline": "retail"}) + "\n")
    return sorted(day for (day,) in by_day)


def lay_out_intrusion(folder: Path, pipeline_file: Path, source: Path | None = None) -> list[date]:
    """Write the connections as daily drops, dealt in turn, and the pipeline file.

    Args:
        folder: where.
        pipeline_file: the pipeline file to copy beside them.
        source: a file of connections, gzipped, to take in place of the sample.

    Returns:
        The days of the drops, in order.
    """
    with gzip.open(source or sample("intrusion.csv.gz"), "rt") as file:
        rows = file.readlines()
    days = [_FIRST_CONNECTION_DROP + timedelta(days=i) for i in range(_CONNECTION_DROPS)]
    dealt = sorted(enumerate(rows), key=lambda pair: (pair[0] % _CONNECTION_DROPS, pair[0]))
    for turn, drop in groupby(dealt, key=lambda pair: pair[0] % _CONNECTION_DROPS):
        target = folder / "drops" / str(days[turn]) / "connections.csv"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("".join(row for _, row in drop))
    shutil.copyfile(pipeline_file, folder / pipeline_file.name)
    return days


def _write_products(lines: pl.DataFrame, target: Path) -> None:
    products = (
        lines.filter(pl.col("UnitPrice") > 0, pl.col("Description").is_not_null())
        .sort("InvoiceDate", "InvoiceNo", "line")
        .group_by("StockCode", maintain_order=True)
        .agg(
            description=pl.col("Description").first().str.strip_chars(),
            list_price=pl.col("UnitPrice").first(),
            listed_at=pl.col("InvoiceDate").first().dt.truncate("1d").dt.to_string("iso:strict"),
        )
        .rename({"StockCode": "stock_code"})
        .sort("stock_code")
    )
    target.write_text(json.dumps(products.to_dicts()))


def _write_customers(lines: pl.DataFrame, target: Path) -> None:
    customers = (
        lines.drop_nulls("CustomerID")
        .sort("InvoiceDate", "InvoiceNo", "line")
        .group_by("CustomerID", maintain_order=True)
        .agg(pl.col("Country").first(), pl.col("InvoiceDate").first().dt.truncate("1d"))
        .sort("CustomerID")
    )
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(target)) as database, database:
        database.execute(
            "create table customers ("
            "customer_id integer primary key, country text not null, registered_at text not null)"
        )
        database.executemany(
            "insert into customers values (?, ?, ?)",
            ((c, country, str(since)[:19]) for c, country, since in customers.iter_rows()),
        )
