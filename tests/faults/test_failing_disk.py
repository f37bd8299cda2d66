"""A disk that fails or fills up: the run is refused, and what was published stays whole."""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tasks.core.artifacts import Landed, Report
from tasks.core.commit import commit, last_commit, open_run, recover
from tasks.core.errors import StoreError
from tasks.core.store import Store
from tests.faults.forked import BROKE, REFUSED, SURVIVED, fork

BATCH = "2010-01-04"
ROWS = 30_000
AUDITED = {"open", "os.rename", "os.mkdir", "os.remove"}
NOTHING_LEFT_TO_FAIL = 9
FULL_AT = [100 + 4_000 * step for step in range(50)]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def _publish(store: Store, mark: int) -> None:
    """A table of some size and a small file, by the commit protocol."""
    frame = pl.DataFrame({"a": pl.int_range(ROWS, eager=True).hash(mark)})
    with open_run(store, "shop", BATCH, str(mark)) as run:
        run.write_table(Landed, frame, "landed/shop/lines.parquet")
        run.write_bytes(Report, b"page %d" % mark, "reports/shop/page")
        commit(run, {"mark": mark})


def _mark_of(store: Store) -> int:
    """Which batch is published, every file of it verified."""
    recover(store, "shop")
    record = last_commit(store, "shop", BATCH)
    assert record is not None
    for ref in record.files:
        store.verify(ref)
    mark = int(record.facts["mark"])
    assert store.read_bytes(record.files[-1]) == b"page %d" % mark
    return mark


def _fails_at(at: int, store: Store) -> Callable[[], None]:
    """Publish while the `at`-th opening, renaming, making or removing fails."""

    def work() -> None:
        seen = 0

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal seen
            if event in AUDITED and str(store.root) in str(arguments[0]):
                seen += 1
                if seen == at:
                    raise OSError(errno.EIO, os.strerror(errno.EIO), str(arguments[0]))

        sys.addaudithook(count)
        _publish(store, 2)
        if seen < at:
            os._exit(NOTHING_LEFT_TO_FAIL)

    return work


def test_each_call_that_fails_in_turn_leaves_old_or_new(tmp_path: Path) -> None:
    outcomes = []
    for at in range(1, 200):
        store = Store(tmp_path / str(at))
        _publish(store, 1)
        outcome = fork(_fails_at(at, store), expected=StoreError)
        outcomes.append((outcome, _mark_of(store)))
        if outcome == NOTHING_LEFT_TO_FAIL:
            break
    assert outcomes[-1] == (NOTHING_LEFT_TO_FAIL, 2)
    assert BROKE not in dict(outcomes), "every fault is told as what it is"
    assert all(mark == 2 for outcome, mark in outcomes if outcome == SURVIVED)
    refused = [mark for outcome, mark in outcomes if outcome == REFUSED]
    assert len(refused) > 10
    assert refused == sorted(refused), "once new, always new: there is one commit point"


def test_each_fsync_that_fails_in_turn_leaves_old_or_new(tmp_path: Path) -> None:
    for at in range(1, 60):
        store = Store(tmp_path / str(at))
        _publish(store, 1)
        left = at

        def failing(handle: int, sync: Callable[[int], None] = os.fsync) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            sync(handle)

        def work(store: Store = store, failing: Callable[[int], None] = failing) -> None:
            os.fsync = failing  # type: ignore[assignment]  # in the forked process alone
            _publish(store, 2)

        outcome = fork(work, expected=StoreError)
        assert outcome != BROKE, "every fault is told as what it is"
        assert _mark_of(store) in ((2,) if outcome == SURVIVED else (1, 2)), at
        if outcome == SURVIVED:
            break
    assert outcome == SURVIVED
    assert at > 5


def test_a_disk_that_is_full_before_any_byte_of_journal_or_record_is_a_store_error(
    tmp_path: Path,
) -> None:
    """Files of a few bytes, so that what fails are the protocol's own: lease, journal, record."""

    def publish(store: Store, mark: int) -> None:
        with open_run(store, "shop", BATCH, str(mark)) as run:
            run.write_bytes(Report, b"page %d" % mark, "reports/shop/page")
            commit(run, {"mark": mark})

    found = set()
    for size in (*range(0, 700, 20), 100_000):
        store = Store(tmp_path / str(size))
        publish(store, 1)

        def work(store: Store = store, size: int = size) -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            publish(store, 2)

        outcome = fork(work, expected=StoreError)
        assert _mark_of(store) == (2 if outcome == SURVIVED else 1), size
        found.add(outcome)
        publish(store, 3)
        assert _mark_of(store) == 3
    assert found == {REFUSED, SURVIVED}


@pytest.mark.parametrize("size", FULL_AT)
def test_a_disk_that_is_full_at_any_byte_is_a_store_error(tmp_path: Path, size: int) -> None:
    store = Store(tmp_path)
    _publish(store, 1)

    def work() -> None:
        # Beyond this size a write fails, as it does on a full disk.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        _publish(store, 2)

    assert fork(work, expected=StoreError) == REFUSED
    assert _mark_of(store) == 1
    _publish(store, 3)
    assert _mark_of(store) == 3


def test_a_disk_with_room_is_written(tmp_path: Path) -> None:
    store = Store(tmp_path)
    _publish(store, 1)
    assert max(path.stat().st_size for path in tmp_path.rglob("*.parquet")) > FULL_AT[-1]
