"""When it pays to compute partitions in several processes, or on a cluster of Dask.

    python -m tests.bench.fanout --data ../shared/data --workers 2

Prints two markdown tables. The first has the fixed costs: to start, and a partition that does
nothing. The second has each kind of work by each executor, one after the other: wall seconds, CPU
seconds of all processes, and the bytes that moved beside what the work itself reads and writes:
partitions and results, pickled, and the tables of parts. `same` says that the results were those of
one process, byte for byte.

- night: the features of one date of the handbook's card transactions, with 90 dates before it:
  histories of customers and of terminals, and frequencies, which are not dealt
- training: the same features of 60 dates, with 30 before them
- score: a night of a million events by TabM with its default width, 40 features
- tuning: a round of 8 trials, a network each, on 100,000 rows
"""

from __future__ import annotations

import argparse
import datetime as dt
import pickle
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
import psutil

from flows.compute import opened
from flows.compute_config import ComputeConfig, DaskCompute, LocalCompute
from tasks.core.artifacts import Prepared, Ref
from tasks.core.commit import last_commit, open_run
from tasks.core.event import EventConfig
from tasks.core.executor import IN_TURN, Executor
from tasks.core.run import Run
from tasks.core.store import Store, table_uri
from tasks.features.config import FeaturesConfig
from tasks.features.inputs import Inputs
from tasks.features.task import build_features
from tasks.models.aliases import read_aliases
from tasks.models.base import Rows
from tasks.score.asking import Unscored
from tasks.score.config import BudgetDecision
from tasks.score.ladder import first_footing
from tasks.score.task import score
from tasks.train.checkpoint import StoredCheckpoint
from tasks.train.tune import tune
from tasks.train.tune_config import TuningConfig
from tasks.train.tune_trial import Fold
from tests.bench import scoring

P = TypeVar("P")
R = TypeVar("R")

LAST = dt.date(2018, 8, 31)
EVENT = EventConfig(
    table="cards",
    key=("TRANSACTION_ID",),
    time="TX_DATETIME",
    entities=("CUSTOMER_ID", "TERMINAL_ID"),
)
FEATURES = FeaturesConfig.model_validate(
    [
        {"family": "columns", "columns": ["TX_AMOUNT"], "log": ["TX_AMOUNT"]},
        {"family": "calendar", "parts": ["hour", "weekday"]},
        *(
            {
                "family": "history",
                "entity": entity,
                "windows": ["1d", "7d", "30d"],
                "statistics": ["count", "mean", "std", "max", "median", "zscore"],
                "values": ["TX_AMOUNT"],
            }
            for entity in ("CUSTOMER_ID", "TERMINAL_ID")
        ),
        {"family": "frequency", "columns": ["TERMINAL_ID"], "windows": ["30d"]},
    ]
)
TUNING = {
    "method": "random",
    "trials": 8,
    "parallel": 8,
    "prune": False,
    "space": [{"kind": "mlp", "epochs": 1, "width": [64, 96, 128], "learning_rate": [1e-3, 3e-3]}],
}


class Counting:
    """An executor that counts what crosses to its processes and back."""

    def __init__(self, inner: Executor) -> None:
        self.inner, self.bytes, self.partitions = inner, 0, 0

    @property
    def workers(self) -> int:
        return self.inner.workers

    def map(self, work: Callable[[P], R], partitions: Sequence[P]) -> Iterator[R]:
        self.partitions += len(partitions)
        crossing = self.inner is not IN_TURN
        self.bytes += crossing * sum(len(pickle.dumps(each)) for each in partitions)
        for made in self.inner.map(work, partitions):
            self.bytes += crossing * len(pickle.dumps(made))
            table = getattr(made, "table", None)
            if isinstance(table, Ref):
                parts = Path(partitions[0].source.run.staging, table.uri)  # type: ignore[attr-defined]
                self.bytes += 2 * parts.stat().st_size
            yield made


@dataclass(frozen=True)
class Given:
    """100,000 rows to tune on, made where they are read."""

    def read(self) -> list[Fold]:
        parts = [scoring.labelled(count, seed) for count, seed in ((80_000, 1), (20_000, 2))]
        return [Fold(*(Rows(p.table, p.labels, p.names) for p in (*parts, parts[-1])))]


@dataclass(frozen=True)
class Shelf:
    folder: Path

    def __call__(self, name: str) -> StoredCheckpoint:
        return StoredCheckpoint(self.folder / name)


def transactions(data: Path, run: Run, days: int) -> Inputs:
    """The prepared tables of the last dates, one each."""
    table = pl.read_parquet(data / "handbook" / "transactions.parquet")
    dated = table.with_columns(batch_date=pl.col("TX_DATETIME").dt.date()).filter(
        pl.col("batch_date") > LAST - dt.timedelta(days=days)
    )
    ordered = dated.sort("TX_DATETIME", "TRANSACTION_ID")
    refs = [
        run.write_table(Prepared, of_day, table_uri("prepared", "p", "cards", str(day[0])))
        for day, of_day in ordered.partition_by("batch_date", as_dict=True).items()
    ]
    return Inputs(tuple(refs))


def nothing(partition: int) -> int:
    """A partition that costs nothing."""
    return partition


def works(data: Path, store: Store, run: Run) -> Iterator[tuple[str, Callable[[Executor], Any]]]:
    """Each kind of work, and what has to be the same of it."""
    inputs = transactions(data, run, 120)
    night, weeks = (LAST, LAST), (LAST - dt.timedelta(days=59), LAST)
    yield (
        "night",
        lambda e: build_features(run, FEATURES, EVENT, inputs, night, (), e).table.sha256,
    )
    yield (
        "training",
        lambda e: build_features(run, FEATURES, EVENT, inputs, weeks, (), e).table.sha256,
    )
    record = last_commit(store, "p", scoring.NIGHT)
    assert record is not None
    footing = first_footing(store, read_aliases(store, "p"))

    def scored(executor: Executor) -> str:
        unscored = Unscored(run, record.files[0], executor)
        return score(unscored, BudgetDecision(per_day=100), footing).table.sha256

    yield "score", scored

    def tuned(executor: Executor) -> Any:
        config = TuningConfig.model_validate(TUNING)
        with tempfile.TemporaryDirectory() as folder:
            return tune(config, Given(), 0, Shelf(Path(folder)), executor).trials

    yield "tuning", tuned


@dataclass(frozen=True)
class Cost:
    """What a piece of work cost."""

    wall: float
    cpu: float
    made: Any
    partitions: int = 0
    bytes: int = 0


def measured(work: Callable[[], Any]) -> Cost:
    """Do work; CPU seconds of this process and of all its children."""
    wall, cpu = time.perf_counter(), _cpu()
    made = work()
    return Cost(time.perf_counter() - wall, _cpu() - cpu, made)


def _cpu() -> float:
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    times = [process.cpu_times() for process in family]
    return sum(each.user + each.system for each in times)


def asked_for(workers: int) -> dict[str, ComputeConfig]:
    """The executors, by name."""
    return {
        "one process": LocalCompute(),
        f"{workers} processes": LocalCompute(workers=workers),
        f"dask, {workers} workers": DaskCompute(workers=workers),
    }


def main() -> None:
    """Print both tables."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--data", type=Path, required=True)
    words.add_argument("--workers", type=int, default=2)
    words.add_argument("--events", type=int, default=1_000_000)
    words.add_argument("--works", nargs="*", default=["night", "training", "score", "tuning"])
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        scoring.prepare(store, given.events, 1, "tabm")
        with open_run(store, "p", f"bench-{LAST}", "bench") as run:
            kinds = [each for each in works(given.data, store, run) if each[0] in given.works]
            compare(kinds, run, given.workers)


def compare(kinds: Sequence[tuple[str, Callable[[Executor], Any]]], run: Run, workers: int) -> None:
    """Each executor is opened once, and does every kind of work."""
    done: dict[str, dict[str, Cost]] = {}
    print("| executor | s to start | CPU s | ms a partition of nothing | CPU ms |")
    print("|---|---|---|---|---|", flush=True)
    for name, asked in asked_for(workers).items():
        wall, cpu = time.perf_counter(), _cpu()
        with opened(asked, run, Path()) as inner:
            list(inner.map(nothing, range(2 * workers)))
            start = f"{time.perf_counter() - wall:.1f} | {_cpu() - cpu:.1f}"
            empty = measured(lambda inner=inner: list(inner.map(nothing, range(1000))))
            print(f"| {name} | {start} | {empty.wall:.2f} | {empty.cpu:.2f} |", flush=True)
            for kind, work in kinds:
                counting = Counting(inner)
                cost = measured(lambda: work(counting))  # noqa: B023  # called at once
                counts = {"partitions": counting.partitions, "bytes": counting.bytes}
                done.setdefault(kind, {})[name] = replace(cost, **counts)
    print("\n| work | executor | partitions | wall s | CPU s | MB moved | same |")
    print("|---|---|---|---|---|---|---|")
    for kind, costs in done.items():
        alone = costs["one process"]
        for name, cost in costs.items():
            print(
                f"| {kind} | {name} | {cost.partitions or 1} | {cost.wall:.1f} | {cost.cpu:.1f} "
                f"| {cost.bytes / 1e6:.1f} | {'yes' if cost.made == alone.made else 'NO'} |"
            )


if __name__ == "__main__":
    main()
