"""Kill -9 at every file-system operation of a run: the old batch or the new one, never a part."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tasks.core.artifacts import Landed, Report
from tasks.core.commit import commit, last_commit, open_run, recover
from tasks.core.store import Store

BATCH = "2010-01-04"
OLD = {"landed/shop/a": b"old a", "reports/shop/b": b"old b", "reports/shop/gone": b"old gone"}
NEW = {"landed/shop/a": b"new a", "reports/shop/b": b"new b", "reports/shop/fresh": b"new fresh"}
WATCHED = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"}


def _write(store: Store, attempt: str, files: dict[str, bytes]) -> None:
    with open_run(store, "shop", BATCH, attempt) as run:
        for uri, content in files.items():
            run.write_bytes(Report if uri.startswith("reports") else Landed, content, uri)
        commit(run, {"attempt": attempt})


def _write_and_die(store: Store, at: int) -> bool:
    """Run in a forked process that kills itself at the `at`-th operation.

    Returns:
        Whether it lived to its end.
    """
    child = os.fork()
    if child == 0:
        seen = 0

        def count(event: str, _: object) -> None:
            nonlocal seen
            if event in WATCHED:
                seen += 1
                if seen == at:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            _write(store, "new", NEW)
        except BaseException:  # noqa: BLE001  # the child must not run the rest of the tests
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert (os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0) or os.WTERMSIG(status) == 9
    return os.WIFEXITED(status)


def _published(store: Store) -> dict[str, bytes]:
    record = last_commit(store, "shop", BATCH)
    assert record is not None
    return {ref.uri: store.read_bytes(ref) for ref in record.files}


def _on_disk(store: Store) -> dict[str, bytes]:
    return {
        path.relative_to(store.root).as_posix(): path.read_bytes()
        for layer in ("landed", "reports")
        for path in (store.root / layer).rglob("*")
        if path.is_file()
    }


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_at_any_operation_leaves_old_or_new(tmp_path: Path) -> None:
    outcomes = []
    for at in range(1, 400):
        store = Store(tmp_path / str(at))
        _write(store, "old", OLD)
        lived = _write_and_die(store, at)
        recover(store, "shop")
        published = _published(store)
        assert published in (OLD, NEW), f"killed at operation {at}"
        assert _on_disk(store) == published, f"killed at operation {at}"
        assert not list((store.root / "staging" / "shop").glob("*")), f"killed at operation {at}"
        outcomes.append(published == NEW)
        if lived:
            break
    assert lived
    assert outcomes == sorted(outcomes), "once new, always new: there is one commit point"
    assert outcomes.count(False) > 10
    assert outcomes.count(True) > 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_run_can_be_run_again(tmp_path: Path) -> None:
    for at in range(1, 60, 7):
        store = Store(tmp_path / str(at))
        _write(store, "old", OLD)
        _write_and_die(store, at)
        _write(store, "again", NEW)
        assert _published(store) == _on_disk(store) == NEW
