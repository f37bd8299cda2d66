"""Cut the demo's samples from the full public files.

python infra/demo/cut_samples.py --retail invoice_lines.parquet --kdd kddcup.data_10_percent.gz
"""

from __future__ import annotations

import argparse
import gzip
import random
from datetime import date
from pathlib import Path

import polars as pl

HERE = Path(__file__).parent
FIRST_DAY, LAST_DAY = date(2010, 1, 4), date(2010, 8, 13)
CONNECTIONS = 70_000
SEED = 0


def cut_retail(source: Path) -> None:
    """Keep every line of the days as published, and give each its position in its invoice."""
    day = pl.col("InvoiceDate").dt.date()
    lines = (
        pl.scan_parquet(source)
        .filter(day.is_between(FIRST_DAY, LAST_DAY))
        .with_row_index("position")
        .with_columns(line=pl.col("position").rank("ordinal").over("InvoiceNo").cast(pl.Int32))
        .sort("InvoiceDate", "InvoiceNo", "line")
        .select(
            "InvoiceNo",
            "StockCode",
            "line",
            "Description",
            pl.col("Quantity").cast(pl.Int32),
            pl.col("InvoiceDate").cast(pl.Datetime("ms")),
            "UnitPrice",
            "CustomerID",
            "Country",
        )
        .collect()
    )
    lines.write_parquet(HERE / "retail.parquet", compression="zstd", compression_level=22)
    print(lines.height, "lines,", lines.select(day.n_unique()).item(), "trading days")


def cut_kdd(source: Path) -> None:
    """Keep a random sample of the connections, in file order, duplicates and all."""
    with gzip.open(source, "rt") as file:
        rows = file.readlines()
    kept = sorted(random.Random(SEED).sample(range(len(rows)), CONNECTIONS))
    with gzip.GzipFile(HERE / "intrusion.csv.gz", "wb", compresslevel=9, mtime=0) as file:
        file.writelines(rows[i].encode() for i in kept)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--retail", type=Path)
    parser.add_argument("--kdd", type=Path)
    asked = parser.parse_args()
    if asked.retail:
        cut_retail(asked.retail)
    if asked.kdd:
        cut_kdd(asked.kdd)
