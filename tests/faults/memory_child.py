"""Publish a table with only so much more memory: `python -m tests.faults.memory_child STORE BYTES`.

A process of its own, not a forked one: the threads of the libraries do not survive a fork.
"""

from __future__ import annotations

import faulthandler
import resource
import sys
from pathlib import Path

import polars as pl

from tasks.core.artifacts import Landed, Report
from tasks.core.commit import commit, open_run
from tasks.core.store import Store
from tests.faults.forked import allow_memory

BATCH = "2010-01-04"


def publish(store: Store, mark: int, rows: int) -> None:
    """Publish a table and a page."""
    frame = pl.DataFrame({"a": pl.int_range(rows, eager=True).hash(mark)})
    with open_run(store, "shop", BATCH, str(mark)) as run:
        run.write_table(Landed, frame, "landed/shop/lines.parquet")
        run.write_bytes(Report, b"page %d" % mark, "reports/shop/page")
        commit(run, {"mark": mark})


if __name__ == "__main__":
    faulthandler.disable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    publish(Store(Path(sys.argv[1]) / "warm"), 1, 10)  # threads and buffers are there
    allow_memory(int(sys.argv[2]))
    publish(Store(Path(sys.argv[1])), 2, 4_000_000)
