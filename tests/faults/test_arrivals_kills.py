"""Kill -9 at random points of nights that keep what they read: the same tables in the end."""

from __future__ import annotations

import datetime as dt
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.properties.arriving import NIGHTS, Shop, draw
from tests.properties.test_arrivals_property import check

ROOT = Path(__file__).parents[2]
LONG_AFTER = dt.datetime.combine(NIGHTS[-1] + dt.timedelta(days=9), dt.time())


def run_and_die(folder: Path, kill_at: int, nights: list[dt.date]) -> int:
    """Run nights in another process.

    Returns:
        Operations it made; -1 where it was killed.
    """
    child = "tests.faults.arrivals_child"
    words = [sys.executable, "-m", child, str(folder), str(kill_at), *map(str, nights)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode in (0, -9), done.stderr
    return int(done.stdout) if done.returncode == 0 else -1


def kill_at_random_points(folder: Path, kills: int) -> None:
    versions = draw(random.Random("kills"))
    rng = random.Random(0)
    whole = Shop(folder / "whole", versions)
    whole.pass_to(LONG_AFTER)
    operations = run_and_die(folder / "whole", 0, NIGHTS)
    whole.settle()
    check(whole, versions)
    killed = 0
    for kill in range(kills):
        shop = Shop(folder / str(kill), versions)
        shop.pass_to(LONG_AFTER)
        nights = rng.sample(NIGHTS, len(NIGHTS))
        killed += run_and_die(folder / str(kill), rng.randint(1, operations), nights) < 0
        for night in nights:
            shop.run(night)
        shop.settle()
        assert shop.tables() == whole.tables(), kill
        assert not list((shop.pipeline.store.root / "staging").glob("*/*")), kill
    assert killed


def test_a_kill_at_a_random_point_changes_no_table(tmp_path: Path) -> None:
    kill_at_random_points(tmp_path, kills=2)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_kill_at_a_hundred_random_points_changes_no_table(tmp_path: Path) -> None:
    kill_at_random_points(tmp_path, kills=100)
