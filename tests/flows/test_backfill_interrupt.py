"""Ctrl-C in a backfill of several dates at once: it stops, says how far it came, and goes on."""

from __future__ import annotations

import datetime as dt
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from flows.backfill import backfill
from flows.demo.services import demo_services
from tasks.core import lease
from tests.flows.conftest import LAST, Shop

FIRST = dt.date(2010, 2, 21)
PATIENCE_SECONDS = 240.0
# A busy machine starts processes slowly.
pytestmark = pytest.mark.timeout(900)
COMMAND = [sys.executable, "-c", "from flows.cli import main; main()"]


@pytest.mark.slow
def test_an_interrupt_stops_the_nights_that_run_and_leaves_those_that_are_done(shop: Shop) -> None:
    dates = str(FIRST), str(LAST)
    child = subprocess.Popen(
        [*COMMAND, "backfill", str(shop.file), *dates, "--parallel", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a terminal interrupts a whole group of processes
    )
    try:
        _wait_for_a_night(shop, child)
        os.killpg(child.pid, signal.SIGINT)
        out, err = child.communicate(timeout=PATIENCE_SECONDS)
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
    assert child.returncode == 130, out + err
    assert "Traceback" not in err
    found = re.search(r"interrupted; (\d) of (\d) nights of the range are published", err)
    assert found is not None, err
    _wait_for_the_end(child.pid)
    assert not [f for f in (shop.store.root / "leases/retail").glob("2*.lock") if lease.is_held(f)]
    published = shop.tables("scores")
    with demo_services(str(shop.file)):
        rest = backfill.fn(str(shop.file), FIRST, LAST)
    assert len(rest.skipped) == int(found[1]) >= 1
    assert len(rest.skipped) + len(rest.nights) == int(found[2])
    assert published.items() <= shop.tables("scores").items()


def _wait_for_a_night(shop: Shop, child: subprocess.Popen[str]) -> None:
    commits = shop.store.root / "commits" / "retail"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not any(f.read_text().count('"night"') for f in commits.glob("2010-02-*.json")):
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _wait_for_the_end(group: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _group_lives(group):
        assert time.monotonic() < deadline, "a process is left"
        time.sleep(0.05)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
