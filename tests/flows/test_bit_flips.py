"""One flipped bit in any file that a later run reads: it is refused, never read silently."""

from __future__ import annotations

import datetime as dt
import functools
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flows import exporting, models, published
from flows.demo.services import demo_services
from flows.monitoring import monitor
from flows.proving import prove
from tasks.core.commit import committed_batches, last_commit
from tasks.core.errors import IntegrityError
from tasks.core.store import Store
from tests.flows.conftest import NIGHT, Shop

FLIPS = 1_000


def _readers(store: Store) -> dict[Path, Callable[[], object]]:
    """How a later run reads each kept file: by the digest in its commit, or as a record."""
    readers: dict[Path, Callable[[], object]] = {}
    for record in committed_batches(store, "retail"):
        place = store.root / "commits" / "retail" / f"{record.batch}.json"
        readers[place] = functools.partial(last_commit, store, "retail", record.batch)
        for ref in record.files:
            readers[store.path(ref.uri)] = functools.partial(store.verify, ref)
    return readers


def _flip(path: Path, position: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ (1 << bit)]))
    # Digests are remembered by a file's times: a later process would not remember.
    os.utime(path)


def test_a_flipped_bit_in_any_artifact_is_refused(shop: Shop) -> None:
    shop.run()
    store = shop.store
    readers = _readers(store)
    kept = {path for path in store.root.rglob("*") if path.is_file()}
    left = {path.relative_to(store.root).parts[0] for path in kept - set(readers)}
    assert left == {"leases", "lamplighter.json"}, "every other file is read by its digest"
    generator = np.random.default_rng(0)
    flipped: Counter[str] = Counter()
    for number in range(FLIPS):
        path = sorted(readers)[number % len(readers)]
        position, bit = int(generator.integers(path.stat().st_size)), int(generator.integers(8))
        _flip(path, position, bit)
        with pytest.raises(IntegrityError):
            readers[path]()
        _flip(path, position, bit)
        readers[path]()
        flipped[path.relative_to(store.root).parts[0]] += 1
    assert sum(flipped.values()) == FLIPS
    assert {"landed", "valid", "models", "reports", "commits"} <= set(flipped)


def _of(shop: Shop, pattern: str) -> Path:
    return sorted(shop.store.root.glob(pattern))[-1]


def _next_night(shop: Shop) -> None:
    shop.run(NIGHT + dt.timedelta(days=1))


def _monitor(shop: Shop) -> None:
    with demo_services(str(shop.file)):
        monitor.fn(str(shop.file), NIGHT + dt.timedelta(days=20))


def _show(shop: Shop) -> None:
    published.show("alerts", str(shop.file), NIGHT, 5, True)


def _export(shop: Shop) -> None:
    exporting.run("scores", str(shop.file), NIGHT, shop.folder / "scores.csv", True)


def _show_model(shop: Shop) -> None:
    models.show(str(shop.file), None, True)


def _prove(shop: Shop) -> None:
    with demo_services(str(shop.file)):
        prove(str(shop.file), NIGHT, cut_offs=1)


@pytest.mark.parametrize(
    ("pattern", "reader"),
    [
        ("reports/retail/alerts/*/*.parquet", _show),
        ("reports/retail/scores/*/*.parquet", _export),
        ("valid/retail/lines/*/*.parquet", _next_night),
        ("scores/retail/scores/*/*.parquet", _monitor),
        ("valid/retail/lines/*/*.parquet", _prove),
        ("models/retail/*/model.json", _show_model),
    ],
    ids=["show", "export", "next night", "monitor", "proof", "models show"],
)
def test_whoever_reads_a_file_refuses_it_with_a_flipped_bit(
    shop: Shop, pattern: str, reader: Callable[[Shop], None]
) -> None:
    """In the middle of the file, where what is read would still be a table, of other values."""
    shop.run()
    path = _of(shop, pattern)
    _flip(path, path.stat().st_size // 2, 3)
    with pytest.raises(IntegrityError, match=re.escape(path.name)):
        reader(shop)


def test_prepared_history_with_flipped_bits_is_prepared_again(shop: Shop) -> None:
    shop.run()
    _next_night(shop)
    expected = shop.tables()
    for path in shop.store.root.glob("history/**/*.parquet"):
        _flip(path, path.stat().st_size // 2, 3)
    _next_night(shop)
    assert shop.tables() == expected
