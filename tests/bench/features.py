"""History features on the handbook's card transactions: ours, bare Polars, pandas, a reference.

    python -m tests.bench.features --data ../shared/data
    python -m tests.bench.features --data ../shared/data --copies 14     # 20 million rows

Three windows of a customer's count and mean amount, and of a terminal's count and share of frauds,
seven days late (`handbook.yaml`). All are strictly before the transaction. Values are compared
with a reference that filters the whole table for each of a sample of transactions; the command
fails where they differ.
"""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from flows.yaml_file import read_yaml
from tasks.core.event import EventConfig
from tasks.features.build import build_on
from tasks.features.config import FeaturesConfig
from tasks.features.timeline import Timeline

DAYS = (1, 7, 30)
DELAY_DAYS = 7
WINDOWS = [f"{days}d" for days in DAYS]
BOOK = read_yaml(Path(__file__).with_name("handbook.yaml")).content
EVENT = EventConfig.model_validate(BOOK["event"])
WHOLE = FeaturesConfig.model_validate(BOOK["features"])
LOOKING_BACK = [family for family in WHOLE.root if family.needs_time]
FAMILIES = FeaturesConfig(tuple(LOOKING_BACK)).with_label_delay(dt.timedelta(days=DELAY_DAYS))
NAMES = [
    *(f"CUSTOMER_ID.{kind}_{w}" for kind in ("count", "TX_AMOUNT_mean") for w in WINDOWS),
    *(f"TERMINAL_ID.{kind}_{w}" for kind in ("count", "risk") for w in WINDOWS),
]


def ours(rows: pl.DataFrame) -> pl.DataFrame:
    """The families of the pipeline file that look back."""
    wanted = pl.repeat(True, rows.height, dtype=pl.Boolean, eager=True)
    return build_on(FAMILIES, Timeline(rows, EVENT, wanted, {}, rows["TX_FRAUD"])).select(NAMES)


def bare_polars(rows: pl.DataFrame) -> pl.DataFrame:
    """The same in rolling expressions written by hand."""

    def rolled(values: pl.Expr, days: int, entity: str) -> pl.Expr:
        return values.rolling_sum_by("TX_DATETIME", f"{days}d", closed="left").over(entity)

    one, amount = pl.col("one"), pl.col("TX_AMOUNT")
    fraud = pl.col("TX_FRAUD").cast(pl.Float64)
    features = {}
    for days, suffix in zip(DAYS, WINDOWS, strict=True):
        count = rolled(one, days, "CUSTOMER_ID")
        features[f"CUSTOMER_ID.count_{suffix}"] = count
        total = rolled(amount, days, "CUSTOMER_ID")
        features[f"CUSTOMER_ID.TX_AMOUNT_mean_{suffix}"] = (total / count).fill_nan(None)
        known, frauds = (
            rolled(x, DELAY_DAYS + days, "TERMINAL_ID") - rolled(x, DELAY_DAYS, "TERMINAL_ID")
            for x in (one, fraud)
        )
        features[f"TERMINAL_ID.count_{suffix}"] = known
        features[f"TERMINAL_ID.risk_{suffix}"] = (frauds / known).fill_nan(0)
    lazy = rows.lazy().with_columns(one=pl.lit(1.0)).select(**features)
    return lazy.select(pl.col(NAMES).cast(pl.Float32)).collect()


def pandas_rolling(rows: pl.DataFrame) -> pl.DataFrame:
    """The same as the handbook does it: group, roll, put back in order."""
    frame = pd.DataFrame(
        {c: rows[c].to_numpy() for c in ("CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_FRAUD")},
        index=pd.DatetimeIndex(rows["TX_DATETIME"].to_numpy()),
    )
    frame["row"] = np.arange(len(frame))
    features = {name: np.full(len(frame), np.nan) for name in NAMES}
    for _, card in frame.groupby("CUSTOMER_ID"):
        for w in WINDOWS:
            rolling = card["TX_AMOUNT"].rolling(w.upper(), closed="left")
            features[f"CUSTOMER_ID.count_{w}"][card["row"]] = rolling.count()
            features[f"CUSTOMER_ID.TX_AMOUNT_mean_{w}"][card["row"]] = rolling.mean()
    for _, terminal in frame.groupby("TERMINAL_ID"):
        rolled = {
            days: terminal["TX_FRAUD"].rolling(f"{days}D", closed="left")
            for days in (DELAY_DAYS, *(DELAY_DAYS + days for days in DAYS))
        }
        for days, w in zip(DAYS, WINDOWS, strict=True):
            late, soon = rolled[DELAY_DAYS + days], rolled[DELAY_DAYS]
            count = late.count().fillna(0) - soon.count().fillna(0)
            frauds = late.sum().fillna(0) - soon.sum().fillna(0)
            features[f"TERMINAL_ID.count_{w}"][terminal["row"]] = count
            features[f"TERMINAL_ID.risk_{w}"][terminal["row"]] = (frauds / count).fillna(0)
    made = pl.DataFrame(features).select(pl.col(NAMES).cast(pl.Float32).fill_nan(None))
    return made.with_columns(pl.col("^CUSTOMER_ID.count.*$").fill_null(0))


def reference(rows: pl.DataFrame, sample: np.ndarray) -> pl.DataFrame:
    """Filter the whole table for each transaction of a sample."""
    time_, delay = rows["TX_DATETIME"].to_numpy(), np.timedelta64(DELAY_DAYS, "D")
    columns = {c: rows[c].to_numpy() for c in rows.columns if c != "TX_DATETIME"}
    found = []
    for row in sample:
        now = time_[row]
        card = columns["CUSTOMER_ID"] == columns["CUSTOMER_ID"][row]
        terminal = columns["TERMINAL_ID"] == columns["TERMINAL_ID"][row]
        values: dict[str, float | None] = {}
        for days, w in zip(DAYS, WINDOWS, strict=True):
            span = np.timedelta64(days, "D")
            amounts = columns["TX_AMOUNT"][card & (time_ >= now - span) & (time_ < now)]
            known = terminal & (time_ >= now - delay - span) & (time_ < now - delay)
            frauds = columns["TX_FRAUD"][known]
            values[f"CUSTOMER_ID.count_{w}"] = len(amounts)
            values[f"CUSTOMER_ID.TX_AMOUNT_mean_{w}"] = amounts.mean() if len(amounts) else None
            values[f"TERMINAL_ID.count_{w}"] = len(frauds)
            values[f"TERMINAL_ID.risk_{w}"] = frauds.mean() if len(frauds) else 0.0
        found.append(values)
    return pl.DataFrame(found, schema=dict.fromkeys(NAMES, pl.Float32))


def difference(made: pl.DataFrame, wanted: pl.DataFrame) -> float:
    """The largest difference; infinite where a value is missing on one side only."""
    if any((made[n].is_null() != wanted[n].is_null()).any() for n in NAMES):
        return float("inf")
    return max(float((made[n] - wanted[n]).abs().max() or 0) for n in NAMES)  # type: ignore[arg-type]


def load(data: Path, copies: int) -> pl.DataFrame:
    """The transactions; further copies are of other customers and terminals."""
    rows = pl.read_parquet(data / "handbook" / "transactions.parquet").select(
        "TRANSACTION_ID", "TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_FRAUD"
    )
    if copies > 1:
        shifted = (pl.col("CUSTOMER_ID", "TERMINAL_ID") + copy * 100_000 for copy in range(copies))
        rows = pl.concat(rows.with_columns(shift) for shift in shifted)
    return rows.sort("TX_DATETIME", "TRANSACTION_ID", "CUSTOMER_ID")


def measure(
    name: str, make: Callable[[pl.DataFrame], pl.DataFrame], rows: pl.DataFrame
) -> pl.DataFrame:
    """Make the features once and say what it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    made = make(rows)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name:<14}{rows.height:>12,} rows{wall:>9.2f} s{cpu:>9.2f} cpu-s"
        f"{1e6 * cpu / rows.height:>9.2f} cpu-s/M rows{peak:>8.0f} MiB peak so far"
    )
    return made


def main() -> None:
    """Measure, compare, fail where values differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--pandas-rows", type=int, default=150_000)
    asked = parser.parse_args()
    rows = load(asked.data, asked.copies).with_columns(batch_date=pl.col("TX_DATETIME").dt.date())
    made = measure("lamplighter", ours, rows)
    sample = np.random.default_rng(0).choice(rows.height, asked.sample, replace=False)
    slow = reference(rows, sample)
    gaps = {"lamplighter, reference": difference(made[sample], slow)}
    if asked.copies == 1:
        bare = measure("bare Polars", bare_polars, rows)
        gaps["bare Polars, reference"] = difference(bare[sample], slow)
        few = rows.filter(pl.col("CUSTOMER_ID") % max(rows.height // asked.pandas_rows, 1) == 0)
        peer = measure("pandas", pandas_rolling, few)
        gaps["lamplighter, pandas"] = difference(ours(few), peer)
    for pair, gap in gaps.items():
        print(f"largest difference between {pair}: {gap:.2g}")
    sys.exit(gaps["lamplighter, reference"] > 1e-3)


if __name__ == "__main__":
    main()
