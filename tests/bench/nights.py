"""What a night costs against the length of its history, on the handbook's card transactions.

    python -m tests.bench.nights --data ../shared/data --spans 30 90 365

The same date is prepared and its features are built with ever more dates before it, through the
stages themselves; the families look back on the span. The transactions are repeated, shifted in
time, where the span is longer than they are. Prints the rows of the date and of the dates before
it; the CPU seconds of preparing all those, once; and of a night after: to find what is prepared, to
prepare its own date, and to build its features (the median of the repetitions); then what tallies
of those dates cost, once, and what finding them and building the same features from them does.
"""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypeVar

import polars as pl

from tasks.core.artifacts import Prepared, Ref, Valid
from tasks.core.commit import commit, open_run
from tasks.core.event import EventConfig
from tasks.core.quarantine import LINE, SOURCE
from tasks.core.results import Built
from tasks.core.run import Run
from tasks.core.store import Store, batch_date, table_uri
from tasks.core.treatments import Learned
from tasks.features.config import FeaturesConfig
from tasks.features.cover import Covered
from tasks.features.inputs import Inputs
from tasks.features.tally import Tally
from tasks.features.task import build_features, cover_history, tally_dates, untallied
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


def families(days: int, state: bool = False) -> FeaturesConfig:
    """A customer's count and mean amount over the whole span."""
    family = {
        "family": "history",
        "entity": "CUSTOMER_ID",
        "windows": [f"{days}d"],
        "statistics": ["count", "mean"],
        "values": ["TX_AMOUNT"],
        "state": state,
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


@dataclass(frozen=True)
class Measured:
    """What one night cost: rows, and CPU seconds."""

    rows: int
    rows_before: int
    history: float
    find: float
    prepare: float
    features: float
    tally: float
    rows_read: int
    from_tallies: float

    def line(self, days: int) -> str:
        """A line of the table."""
        seconds = (self.history, self.find, self.prepare, self.features, self.tally)
        figures = " | ".join(f"{each:.2f}" for each in seconds)
        read = f"{self.rows_read:,.0f} | {self.from_tallies:.2f}"
        return f"| {days} | {self.rows:,.0f} | {self.rows_before:,.0f} | {figures} | {read} |"


def measured(run: Run, tables: Sequence[Ref[Valid]], days: int) -> Measured:
    """Run one night, from the rows of the dates before it and from tallies of them."""
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
    tally, state, own = _from_tallies(run, called(), kept, prepared.table, days)
    assert own.table.sha256 == built.table.sha256
    return Measured(built.table.rows, rows, history, finding, preparing, building, tally, *state)


def _from_tallies(
    run: Run,
    called: Mapping[dt.date, str],
    kept: Mapping[dt.date, Ref[Prepared]],
    tonight: Ref[Prepared],
    days: int,
) -> tuple[float, tuple[int, float], Built]:
    """Seconds to tally the dates before, once; rows read, and seconds, from tallies; features."""
    config, past = families(days, state=True), {day: called[day] for day in kept}
    midnight = dt.datetime.combine(NIGHT, dt.time())
    asked = (midnight, midnight + dt.timedelta(days=1, microseconds=-1))

    def covered() -> dict[str, dict[Tally, Covered]]:
        return cover_history(run, config, EVENT, past, asked)

    def tallied() -> None:
        lacking = untallied(run, config, EVENT, past)
        tally_dates(run, config, EVENT, past, {day: kept[day] for day in lacking})
        covered()

    def build() -> tuple[int, Built]:
        tallies = covered()
        days = {day for each in tallies.values() for own in each.values() for day in own.days}
        refs = tuple(kept[day] for day in sorted(days))
        inputs = Inputs((*refs, tonight), tallies=tallies)
        found = [ref for each in tallies.values() for own in each.values() for ref in own.refs]
        read = sum(ref.rows for ref in (*refs, *found))
        return read, build_features(run, config, EVENT, inputs, (NIGHT, NIGHT))

    once, _ = _timed(tallied)
    seconds, (read, built) = _timed(build)
    return once, (read, seconds), built


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
    names_of = ("dates before", "rows", "rows before", "history once", "find", "prepare")
    print("|", " | ".join((*names_of, "features", "tally once", "rows read", "from tallies")), "|")
    print("|" + "---|" * 10)
    for days in asked.spans:
        with tempfile.TemporaryDirectory() as folder:
            store = Store(Path(folder))
            tables = landed(store, rows, days + REACH_DAYS)
            with open_run(store, PIPELINE, f"bench-{NIGHT}", "bench") as run:
                tries = [measured(run, tables, days) for _ in range(asked.repeat)]
        middle = {
            each.name: statistics.median(getattr(one, each.name) for one in tries)
            for each in fields(Measured)
        }
        # Tallies are made by the first try, and found by the others.
        once = max(one.tally for one in tries)
        print(replace(tries[0], **{**middle, "tally": once}).line(days), flush=True)


if __name__ == "__main__":
    main()
