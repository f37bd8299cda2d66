"""What pages, exports and prunings cost: python -m tests.bench.reports [--rows N] [--nights N]."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from tasks.core.store import Store
from tasks.report import task, vega
from tasks.report.export import write_csv
from tasks.report.page import index_page
from tests.properties import ageing
from tests.unit.report import nights


def timed(what: str, work: Callable[[], object], written: Path | None = None) -> None:
    """Print a row: what was done, its wall and CPU seconds, and the size of what it wrote."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    note = f"{written.stat().st_size / 1e6:,.0f} MB" if written else ""
    print(
        f"| {what} | {time.perf_counter() - wall:.2f} | {time.process_time() - cpu:.2f} | {note} |"
    )


def pages(folder: Path) -> None:
    """The pages; the first drawing of a process pays for the start of the JavaScript engine."""
    timed("start of the drawing engine", lambda: vega.draw({"mark": "point"}, "nothing"))
    with nights.open_night(Store(folder)) as run:
        night = nights.night(run)
        timed("a night's tables and page", lambda: task.publish(run, night))
        timed("a training's", lambda: task.publish_training(run, nights.training()))
        for ref in run.written():
            if ref.uri.endswith(".html"):
                name, size = ref.uri.rpartition("/")[2], run.path(ref).stat().st_size
                print(f"| `{name}` | | | {size:,} bytes |")
    lines = nights.lines() * 122
    timed(f"`index.html` of {len(lines)} nights", lambda: index_page("retail", lines))


def exports(folder: Path, rows: int) -> None:
    """The scores table as CSV, beside what writes it without looking at its texts."""
    frame = pl.concat([nights.scores_frame()] * (rows // 1512 + 1)).head(rows)
    frame.write_parquet(folder / "scores.parquet")
    table = pl.scan_parquet(folder / "scores.parquet")
    flat = table.with_columns(pl.col("reasons").list.len())
    csv, bare = folder / "a.csv", folder / "b.csv"
    timed(f"export of {rows:,} scores", lambda: write_csv(table, csv), csv)
    timed("Polars alone, without reasons", lambda: flat.sink_csv(bare), bare)


def prunings(count: int) -> None:
    """A store of many nights, of which the older half may go."""
    day = ageing.Day(night=True, back=(1, 2, 3), arrivals=False, mended=False, stopped=False)
    history = ageing.History((day,) * count, frozenset(range(5)), count // 2)
    with tempfile.TemporaryDirectory(dir=ageing.MEMORY) as folder:
        store = Store(Path(folder))
        ageing.build(store, history)
        timed(f"what may go of {count} nights", lambda: ageing.planned(store, history))
        timed("and its going", lambda: ageing.do_prune(store, history))


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--nights", type=int, default=366)
    given = arguments.parse_args()
    print("| what | wall s | cpu s | |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        pages(Path(folder) / "store")
        exports(Path(folder), given.rows)
    prunings(given.nights)


if __name__ == "__main__":
    main()
