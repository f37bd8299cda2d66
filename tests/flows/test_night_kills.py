"""Kill -9 at random moments of whole nights: the date is the old one or the new one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.conftest import NIGHT, Shop

ROOT = Path(__file__).parents[2]


def _kill(shop: Shop, count: int) -> dict[str, int]:
    words = [str(shop.file), str(shop.drop(NIGHT)), str(count), "0"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.night_kills", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.slow
def test_a_night_killed_at_any_moment_leaves_old_or_new(shop: Shop) -> None:
    told = _kill(shop, 3)
    assert told["killed"] + told["lived"] == 3


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_nights_killed_at_random_leave_old_or_new(shop: Shop) -> None:
    told = _kill(shop, 200)
    assert told["killed"] > 100
    assert told["old"] > 50
    assert told["new"] > 10
