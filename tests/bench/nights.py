"""What a night costs against the length of its history, on the handbook's card transactions.

    python -m tests.bench.nights --data ../shared/data --spans 10 30 90

The same date is prepared and its features are built with ever more dates before it, through the
stages themselves; the families look back on the span. Prints the rows of the date, the rows that
were prepared for it, and the CPU seconds of both stages (the median of the repetitions).
"""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import polars as pl

from tasks.core.artifacts import Ref, Valid
from tasks.core.commit import Run, commit, open_run
from tasks.core.event import EventConfig
from tasks.core.quarantine import LINE, SOURCE
from tasks.core.store import Store, table_uri
from tasks.core.treatments import Learned
from tasks.features.config import FeaturesConfig
from tasks.features.inputs import Inputs
from tasks.features.task import build_features
from tasks.prepare.config import PrepareConfig
from tasks.prepare.task import prepare

EVENT = EventConfig(
    table="cards", key=("TRANSACTION_ID",), time="TX_DATETIME", entities=("CUSTOMER_ID",)
)
M = TypeVar("M")
NIGHT = dt.date(2018, 8, 31)
PIPELINE = "cards"


def families(days: int) -> FeaturesConfig:
    """A customer's count and mean amount over the whole span."""
    family = {
        "family": "history",
        "entity": "CUSTOMER_ID",
        "windows": [f"{days}d"],
        "statistics": ["count", "mean"],
        "values": ["TX_AMOUNT"],
    }
    return FeaturesConfig.model_validate([family])


def landed(store: Store, rows: pl.DataFrame, days: int) -> list[Ref[Valid]]:
    """One valid table a date, from the span's first to the night itself."""
    refs = []
    for back in range(days, -1, -1):
        day = NIGHT - dt.timedelta(days=back)
        own = rows.filter(pl.col("TX_DATETIME").dt.date() == day)
        with open_run(store, PIPELINE, str(day), "bench") as run:
            refs.append(
                run.write_table(Valid, own, table_uri("valid", PIPELINE, "cards", run.batch))
            )
            commit(run, {})
    return refs


def measured(run: Run, tables: Sequence[Ref[Valid]], days: int) -> tuple[int, int, float, float]:
    """Rows of the night, rows prepared, CPU seconds of `prepare` and of `features`."""
    dates = (NIGHT, NIGHT)
    preparing, prepared = _timed(
        lambda: prepare(run, PrepareConfig(), Learned(), EVENT, tables, dates)
    )
    read = Inputs(prepared.table, {}, None, Path())
    building, built = _timed(lambda: build_features(run, families(days), EVENT, read, dates))
    return built.table.rows, prepared.table.rows, preparing, building


def _timed(work: Callable[[], M]) -> tuple[float, M]:
    before = time.process_time()
    made = work()
    return time.process_time() - before, made


def main() -> None:
    """Print one line for each span."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--spans", type=int, nargs="+", default=[10, 30, 90])
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    table = pl.read_parquet(asked.data / "handbook" / "transactions.parquet")
    rows = table.with_columns(pl.lit("cards").alias(SOURCE)).with_row_index(LINE)
    print("| dates before | rows of the night | rows prepared | prepare, CPU s | features, CPU s |")
    print("|---|---|---|---|---|")
    for days in asked.spans:
        with tempfile.TemporaryDirectory() as folder:
            store = Store(Path(folder))
            tables = landed(store, rows, days)
            with open_run(store, PIPELINE, f"bench-{NIGHT}", "bench") as run:
                tries = [measured(run, tables, days) for _ in range(asked.repeat)]
        night, read = tries[0][:2]
        preparing, building = (statistics.median(t[i] for t in tries) for i in (2, 3))
        print(f"| {days} | {night:,} | {read:,} | {preparing:.2f} | {building:.2f} |")


if __name__ == "__main__":
    main()
