"""Nights killed at random moments, each in a process forked from one that has imported everything.

    python -m tests.faults.night_kills FILE DROP COUNT SEED

The night's drop is written in one of two versions in turn, so that each night changes what is
published. After each kill the date has to be all of one version or all of the other.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# All that a night needs is imported before the first fork: a child runs, and imports nothing.
from flows.demo.services import demo_services
from flows.nightly import nightly
from flows.pipeline import load
from tasks.core.commit import last_commit, recover
from tests.faults.forked import SURVIVED
from tests.flows.conftest import NIGHT

Published = dict[str, str]


def forked(work: Callable[[], Any]) -> int:
    """Start work in a child that answers by a file descriptor; its process id."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = SURVIVED
        finally:
            os._exit(code)
    return child


def asked(work: Callable[[], Any]) -> Any:
    """What work answers in a child."""
    read, write = os.pipe()
    child = forked(lambda: os.write(write, json.dumps(work()).encode()))
    os.close(write)
    with os.fdopen(read) as answers:
        text = answers.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError("a child broke; its error is above")
    return json.loads(text)


def run(file: str) -> None:
    """One night, with the services its sources ask."""
    with demo_services(file):
        nightly.fn(file, NIGHT)


def published(file: str) -> Published:
    """Digests of what the date has, every file verified; the costs of a run are its own."""
    store = load(file).store
    recover(store, "retail")
    left = list((store.root / "staging" / "retail").glob("*"))
    assert not left, f"left in staging: {left}"
    record = last_commit(store, "retail", str(NIGHT))
    assert record is not None
    for ref in record.files:
        store.verify(ref)
    return {ref.uri: ref.sha256 for ref in record.files if "/runs/" not in ref.uri}


def main(file: str, drop: Path, count: int, seed: int) -> None:
    """Print how many nights were killed, and how many of them left the old date or the new one."""
    chance = random.Random(seed)
    whole = drop.read_text().splitlines(keepends=True)
    versions = ["".join(whole), "".join(whole[: len(whole) * 3 // 4])]
    expected, seconds = [], 0.0
    for version in versions:
        drop.write_text(version)
        began = time.monotonic()
        assert os.waitpid(forked(lambda: run(file)), 0)[1] == 0
        seconds = time.monotonic() - began
        expected.append(asked(lambda: published(file)))
    assert expected[0] != expected[1]

    now, told = 1, {"killed": 0, "lived": 0, "old": 0, "new": 0}
    for number in range(count):
        drop.write_text(versions[1 - now])
        child = forked(lambda: run(file))
        time.sleep(chance.uniform(0, 1.5 * seconds))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        lived = os.WIFEXITED(status)
        assert not lived or status == 0, f"night {number} failed by itself"
        told["lived" if lived else "killed"] += 1
        found = asked(lambda: published(file))
        assert found in expected, f"night {number} left a part"
        became = expected.index(found)
        assert not lived or became != now
        told["old" if became == now else "new"] += 1
        now = became
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
