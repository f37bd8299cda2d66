"""One flipped bit in any file that a later run reads: it is refused, never read silently."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tasks.core.commit import committed_batches, last_commit
from tasks.core.errors import IntegrityError
from tasks.core.store import Store
from tests.flows.conftest import Shop

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
