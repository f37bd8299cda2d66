"""What it costs to keep a growing table: its first reading, its nights, and merging with or without
the table of the night before.

    python -m tests.bench.arrivals --rows 1000000 --nights 10
"""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from flows import arrivals
from tasks.core.commit import open_run
from tasks.ingest import merging
from tests.properties.arriving import FIRST, Shop

_DAY = dt.timedelta(days=1)


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this process while work is done."""
    before = time.process_time()
    work()
    return time.process_time() - before


def fill(folder: Path, rows: int, nights: int, share: float) -> None:
    """A table of people, of whom a share changes each day."""
    changed = max(1, int(rows * share))
    with closing(sqlite3.connect(folder / "shop.db")) as database, database:
        insert = "insert into people values (?, ?, 0, ?)"
        database.executemany(insert, ((i, f"name {i}", f"{FIRST} 12:00:00") for i in range(rows)))
        for day in range(1, nights + 1):
            moment = f"{FIRST + day * _DAY} 12:00:00"
            numbers = ((i * 7 + day) % rows for i in range(changed))
            database.executemany(insert, ((i, f"name {i} {day}", moment) for i in numbers))
        database.execute("create index by_watermark on people (updated_at)")


def merge_seconds(shop: Shop, night: dt.date, from_scratch: bool) -> float:
    known = arrivals.all_kept(shop.pipeline)["people"]
    base = None if from_scratch else arrivals.base(shop.pipeline, known, night)
    assert from_scratch or base is not None
    with open_run(shop.pipeline.store, "retail", str(night), "bench") as run:
        return seconds(lambda: merging.merge(run, known.feed, known.inputs(night), base))


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--nights", type=int, default=10)
    arguments.add_argument("--share", type=float, default=0.01)
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder), [])
        fill(Path(folder), asked.rows, asked.nights, asked.share)
        first = seconds(lambda: arrivals.take_night(shop.pipeline, FIRST, ["people"]))
        shop.land(FIRST)
        takes, based = [], []
        for night in (FIRST + day * _DAY for day in range(1, asked.nights + 1)):
            takes.append(seconds(lambda n=night: arrivals.take_night(shop.pipeline, n, ["people"])))
            based.append(merge_seconds(shop, night, from_scratch=False))
            shop.land(night)
        whole = merge_seconds(shop, FIRST + asked.nights * _DAY, from_scratch=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sys.stdout.write(
        f"{asked.rows:,} rows, {asked.share:.0%} changed each of {asked.nights} nights\n"
        f"first reading kept      {first:8.2f} s CPU\n"
        f"a night's reading kept  {statistics.median(takes):8.2f} s CPU (median)\n"
        f"merged with the base    {statistics.median(based):8.2f} s CPU (median)\n"
        f"merged from scratch     {whole:8.2f} s CPU\n"
        f"peak memory             {peak / 1e6:8,.0f} MB\n"
    )


if __name__ == "__main__":
    main()
