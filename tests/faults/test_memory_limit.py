"""A run with too little memory to write its table fails; what was published before stays whole."""

from __future__ import annotations

import faulthandler
import os
import resource
from pathlib import Path

import polars as pl
import pytest

from tasks.core.artifacts import Landed, Report
from tasks.core.commit import commit, last_commit, open_run, recover
from tasks.core.store import Store
from tests.faults.forked import REFUSED, SURVIVED

BATCH = "2010-01-04"
ROWS = 4_000_000
# Bytes that a process may have beyond those it has when it is forked.
LIMITS = [1 << 20, 16 << 20, 64 << 20, 128 << 20, 256 << 20, 8 << 30]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def _publish(store: Store, mark: int, rows: int) -> None:
    frame = pl.DataFrame({"a": pl.int_range(rows, eager=True).hash(mark)})
    with open_run(store, "shop", BATCH, str(mark)) as run:
        run.write_table(Landed, frame, "landed/shop/lines.parquet")
        run.write_bytes(Report, b"page %d" % mark, "reports/shop/page")
        commit(run, {"mark": mark})


def _size() -> int:
    """The address space of this process, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _publish_within(store: Store, more_bytes: int) -> int:
    """Publish in a process whose address space is limited; how it ended."""
    child = os.fork()
    if child == 0:
        code = REFUSED
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            limit = _size() + more_bytes
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            faulthandler.disable()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            _publish(store, 2, ROWS)
            code = SURVIVED
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _mark(store: Store) -> int:
    """Which batch is published, every file of it verified."""
    recover(store, "shop")
    record = last_commit(store, "shop", BATCH)
    assert record is not None
    for ref in record.files:
        store.verify(ref)
    assert not list((store.root / "staging" / "shop").glob("*"))
    return int(record.facts["mark"])


def test_too_little_memory_leaves_the_last_output_and_enough_the_new_one(tmp_path: Path) -> None:
    outcomes = []
    for number, limit in enumerate(LIMITS):
        store = Store(tmp_path / str(number))
        _publish(store, 1, 10)
        code = _publish_within(store, limit)
        outcomes.append((code, _mark(store)))
        assert outcomes[-1][1] == (2 if code == SURVIVED else 1), limit
    assert outcomes[0][0] != SURVIVED, "the least is too little"
    assert outcomes[-1] == (SURVIVED, 2), "the most is enough"
