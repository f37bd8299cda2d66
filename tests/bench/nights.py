"""What a night costs against the length of its history, on the handbook's card transactions.

    python -m tests.bench.nights --data ../shared/data --spans 30 90 365

The same date is prepared and its features are built with ever more dates before it, through the
stages themselves; the families look back on the span. The transactions are repeated, shifted in
time, where the span is longer than they are. Prints the rows of the date and of the dates before
it; the CPU seconds of preparing all those, once; and of a night after: to find what is prepared, to
prepare its own date, and to build its features (the median of the repetitions).
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
from tasks.core.commit import commit, open_run
from tasks.core.event import EventConfig
from tasks.core.quarantine import LINE, SOURCE
from tasks.core.run import Run
from tasks.core.store import Store, batch_date, table_uri
from tasks.core.treatments import Learned
from tasks.features.config import FeaturesConfig
from tasks.features.inputs import Inputs
from tasks.features.task import build_features
from tasks.prepare.config import PrepareConfig
from tasks.prepare.places import names
from tasks.prepare.task import prepare, prepare_history

EVENT = EventConfig(
    table="cards", key=("TRANSACTION_ID",), time="TX_DATETIME", entities=("CUSTOMER_ID",)
)
M = TypeVar("M")
NIGHT = dt.date(2018, 8, 31)
PIPELINE = "cards"
DATA_DAYS = 140  # fewer than the transactions span, so that copies leave no gap
REACH_DAYS = 7


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


def transactions(data: Path, days: int) -> pl.DataFrame:
    """The transactions, repeated in time until they reach as far back as is asked."""
    table = pl.read_parquet(data / "handbook" / "transactions.parquet")
    copies = 1 + (days + REACH_DAYS) // DATA_DAYS
    repeated = [
        table.with_columns(
            pl.col("TRANSACTION_ID") + copy * 10_000_000,
            pl.col("TX_DATETIME") - dt.timedelta(days=copy * DATA_DAYS),
        )
        for copy in range(copies)
    ]
    return pl.concat(repeated).with_columns(pl.lit("cards").alias(SOURCE)).with_row_index(LINE)


def landed(store: Store, rows: pl.DataFrame, days: int) -> list[Ref[Valid]]:
    """One valid table a date, from the span's first to the night itself."""
    refs = []
    dated = rows.with_columns(day=pl.col("TX_DATETIME").dt.date())
    by_day = {
        key[0]: own
        for key, own in dated.partition_by("day", as_dict=True, include_key=False).items()
    }
    for back in range(days, -1, -1):
        day = NIGHT - dt.timedelta(days=back)
        own = by_day[day]
        with open_run(store, PIPELINE, str(day), "bench") as run:
            refs.append(
                run.write_table(Valid, own, table_uri("valid", PIPELINE, "cards", run.batch))
            )
            commit(run, {})
    return refs


def measured(run: Run, tables: Sequence[Ref[Valid]], days: int) -> tuple[float, ...]:
    """Rows of the night and before; CPU seconds of the history, of reuse, `prepare`, `features`."""
    dates = (NIGHT, NIGHT)
    config, learned = PrepareConfig().with_lookback(dt.timedelta(days=days)), Learned()
    events = {batch_date(ref): ref for ref in tables}
    *before, _ = events
    reach = [day for day in before if day >= NIGHT - dt.timedelta(days=days)]

    def called() -> dict[dt.date, str]:
        schema = run.scan(events[NIGHT]).collect_schema()
        return names(config, learned, EVENT, schema, events, [*reach, NIGHT])

    places = {
        day: table_uri("history", PIPELINE, "cards", str(day), f"{name}.parquet")
        for day, name in called().items()
        if day != NIGHT
    }
    history, kept = _timed(lambda: prepare_history(run, config, learned, EVENT, tables, places))
    finding, _ = _timed(lambda: (called(), [run.store.verify(ref) for ref in kept.values()]))
    preparing, prepared = _timed(lambda: prepare(run, config, learned, EVENT, tables, dates))
    read = Inputs((*kept.values(), prepared.table), {}, None, Path())
    building, built = _timed(lambda: build_features(run, families(days), EVENT, read, dates))
    rows = sum(ref.rows for ref in kept.values())
    return built.table.rows, rows, history, finding, preparing, building


def _timed(work: Callable[[], M]) -> tuple[float, M]:
    before = time.process_time()
    made = work()
    return time.process_time() - before, made


def main() -> None:
    """Print one line for each span."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--spans", type=int, nargs="+", default=[30, 90, 365])
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    rows = transactions(asked.data, max(asked.spans))
    print("| dates before | rows | rows before | history once | find | prepare | features |")
    print("|---|---|---|---|---|---|---|")
    for days in asked.spans:
        with tempfile.TemporaryDirectory() as folder:
            store = Store(Path(folder))
            tables = landed(store, rows, days + REACH_DAYS)
            with open_run(store, PIPELINE, f"bench-{NIGHT}", "bench") as run:
                tries = [measured(run, tables, days) for _ in range(asked.repeat)]
        night, before = tries[0][:2]
        seconds = (statistics.median(t[i] for t in tries) for i in range(2, len(tries[0])))
        figures = " | ".join(f"{each:.2f}" for each in seconds)
        print(f"| {days} | {night:,} | {before:,} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
