"""Two runs of one date at once: one publishes, the other is told so; a stale one is fenced off."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tasks.core import lease
from tasks.core.artifacts import Report
from tasks.core.commit import commit, last_commit, open_run
from tasks.core.errors import BusyError
from tasks.core.store import Store

BATCH = "2010-01-04"
RUNNERS = 3

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def _run(store: Store, attempt: str, start: float) -> int:
    """Wait for the start, and publish; 0 where it did, 7 where another run held the lease."""
    time.sleep(max(0.0, start - time.monotonic()))
    try:
        with open_run(store, "shop", BATCH, attempt) as run:
            run.write_bytes(Report, attempt.encode(), "reports/shop/page")
            time.sleep(0.01)
            commit(run, {"attempt": attempt})
    except BusyError:
        return BusyError.exit_code
    return 0


def _race(store: Store, number: int) -> dict[str, int]:
    """Start runners at one moment; the exit code of each by its attempt."""
    start = time.monotonic() + 0.02
    children = {}
    for runner in range(RUNNERS):
        attempt = f"{number}-{runner}"
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = _run(store, attempt, start)
            finally:
                os._exit(code)
        children[attempt] = child
    return {
        attempt: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        for attempt, child in children.items()
    }


@pytest.mark.parametrize("races", [15, pytest.param(50, marks=pytest.mark.slow)])
def test_of_runs_at_once_the_published_one_held_the_lease(races: int, tmp_path: Path) -> None:
    store = Store(tmp_path)
    with open_run(store, "shop", BATCH, "first") as run:
        run.write_bytes(Report, b"first", "reports/shop/page")
        commit(run, {"attempt": "first"})
    fence = lease.current_fence(store.path(f"leases/shop/{BATCH}.lock"))
    for number in range(races):
        codes = _race(store, number)
        winners = {attempt for attempt, code in codes.items() if code == 0}
        assert winners, "somebody always gets through"
        assert set(codes.values()) <= {0, BusyError.exit_code}
        record = last_commit(store, "shop", BATCH)
        assert record is not None
        assert record.attempt in winners
        assert store.read_bytes(record.files[0]).decode() == record.attempt
        assert record.fence > fence
        fence = record.fence
        assert not list((store.root / "staging" / "shop").glob("*"))


def test_a_holder_whose_lease_was_taken_over_publishes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    lock = store.path(f"leases/shop/{BATCH}.lock")
    with open_run(store, "shop", BATCH, "stale") as run:
        run.write_bytes(Report, b"stale", "reports/shop/page")
        # Somebody removed the lease file, as on a file system that lost its locks.
        lock.unlink()
        with lease.hold(lock, "a"):
            pass
        with lease.hold(lock, "b"):
            pass
        with pytest.raises(BusyError):
            commit(run, {})
    assert last_commit(store, "shop", BATCH) is None
