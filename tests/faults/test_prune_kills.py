"""Kill -9 at every file-system operation of a pruning: each batch is what it was or shall be."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from tasks.core.commit import WITHDRAWN, recover
from tasks.core.store import Store
from tests.properties import ageing

WATCHED = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"}
HISTORY = ageing.History(
    days=(
        ageing.Day(night=True, back=(), arrivals=False, mended=True, stopped=True),
        ageing.Day(night=True, back=(1,), arrivals=True, mended=True, stopped=False),
        ageing.Day(night=True, back=(1, 2), arrivals=False, mended=False, stopped=False),
        ageing.Day(night=True, back=(2,), arrivals=False, mended=False, stopped=False),
    ),
    trained_on=frozenset(),
    keep=1,
)


def _prune_and_die(store: Store, at: int) -> bool:
    """Prune in a forked process that kills itself at the `at`-th operation in the store.

    Returns:
        Whether it lived to its end.
    """
    child = os.fork()
    if child == 0:
        seen = 0

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal seen
            if event in WATCHED and str(store.root) in str(arguments[0]):
                seen += 1
                if seen == at:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            ageing.do_prune(store, HISTORY)
        except BaseException:  # noqa: BLE001  # the child must not run the rest of the tests
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert (os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0) or os.WTERMSIG(status) == 9
    return os.WIFEXITED(status)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_at_any_operation_leaves_a_store_that_can_be_read_and_pruned_on(step: int) -> None:
    with tempfile.TemporaryDirectory(dir=ageing.MEMORY) as folder:
        _kill_everywhere(Path(folder), step)


def _kill_everywhere(tmp_path: Path, step: int) -> None:
    """Kill at the first operation and each `step`-th after it."""
    whole = Store(tmp_path / "whole")
    ageing.build(whole, HISTORY)
    before = {batch: record.files for batch, record in ageing.records(whole).items()}
    done = Store(tmp_path / "done")
    shutil.copytree(whole.root, done.root)
    ageing.do_prune(done, HISTORY)
    after = {batch: record.files for batch, record in ageing.records(done).items()}
    assert len(after) < len(before)

    states = set()
    for at in range(1, 1000, step):
        store = Store(tmp_path / "killed")
        shutil.rmtree(store.root, ignore_errors=True)
        shutil.copytree(whole.root, store.root)
        lived = _prune_and_die(store, at)
        recover(store, "p")
        found = ageing.records(store)
        for batch, files in before.items():
            now = found[batch].files if batch in found else ()
            assert now in (files, after.get(batch, ())), f"{batch}, killed at operation {at}"
        for ref in ageing.listed(store).values():
            store.verify(ref)
        assert ageing.on_disk(store) == ageing.listed(store).keys(), f"killed at operation {at}"
        assert {r.facts["kind"] for r in found.values() if not r.files} <= {WITHDRAWN}
        states.add(tuple(sorted((batch, len(record.files)) for batch, record in found.items())))
        ageing.do_prune(store, HISTORY)
        assert {b: r.files for b, r in ageing.records(store).items()} == after
        if lived:
            break
    assert lived
    assert len(states) > 4, "kills fell before, between and after the batches"
