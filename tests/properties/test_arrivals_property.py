"""Any order of nights, any repetition: the same tables, and those that the obvious way gives."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.properties.arriving import (
    NIGHTS,
    Shop,
    Version,
    draw,
    expected_lines,
    expected_people,
    schedules,
)

MEMORY = Path("/dev/shm")  # what is durable is not what these tests are about


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder, in memory where there is one: most of a night's time is waiting for the disk."""
    if not MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY) as made:
        yield Path(made)


def play(folder: Path, versions: list[Version], rng: random.Random) -> Shop:
    """Run nights in a drawn order while time passes, then land what is stale."""
    shop = Shop(folder, versions)
    for moment, night in schedules(rng):
        shop.pass_to(moment)
        shop.run(night)
    shop.settle()
    return shop


def check(shop: Shop, versions: list[Version]) -> None:
    for night in NIGHTS:
        lines = [(i, str(d), v, str(u)) for i, d, v, u in shop.rows("lines", night).rows()]
        assert lines == expected_lines(versions, night), night
        people = [(i, n, int(g), str(u)) for i, n, g, u in shop.rows("people", night).rows()]
        assert people == expected_people(versions, night), night


def permutations(folder: Path, streams: Iterable[int], orders: int) -> None:
    for stream in streams:
        versions = draw(random.Random(stream))
        outcomes = []
        for order in range(orders):
            shop = play(folder / f"{stream}-{order}", versions, random.Random(f"{stream} {order}"))
            check(shop, versions)
            outcomes.append(shop)
        first = outcomes[0]
        for other in outcomes[1:]:
            assert other.tables() == first.tables(), stream
            for night in NIGHTS:
                for table in ("lines", "people"):
                    assert other.ledger(night, table) == first.ledger(night, table)
        for order in range(orders):
            shutil.rmtree(folder / f"{stream}-{order}")


def test_orders_and_repetitions_of_nights_give_the_same_tables(folder: Path) -> None:
    permutations(folder, range(5), orders=3)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(0, 125, 5))
def test_a_thousand_orders_and_repetitions_give_the_same_tables(first: int, folder: Path) -> None:
    permutations(folder, range(first, first + 5), orders=8)
