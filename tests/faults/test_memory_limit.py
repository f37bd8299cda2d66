"""With too little memory what was published stays whole, and a training says what it lacks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tasks.core.commit import last_commit, recover
from tasks.core.errors import ModelMemoryError
from tasks.core.store import Store
from tasks.models.base import Conditions, Rows
from tasks.models.config import MlpConfig, ModelConfig, XGBoostConfig
from tasks.models.launching import fit_model
from tests.faults.forked import REFUSED, SURVIVED, allow_memory, fork
from tests.faults.memory_child import BATCH, publish

ROOT = Path(__file__).parents[2]
# Bytes that a process may have beyond those it has once its libraries are loaded.
LIMITS = [1 << 20, 16 << 20, 64 << 20, 128 << 20, 256 << 20, 8 << 30]


def _publish_within(store: Store, more_bytes: int) -> bool:
    """Publish in a process whose address space is limited; whether it ended well."""
    command = [sys.executable, "-m", "tests.faults.memory_child", str(store.root), str(more_bytes)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False)
    return done.returncode == 0


def _mark(store: Store) -> int:
    """Which batch is published, every file of it verified."""
    recover(store, "shop")
    record = last_commit(store, "shop", BATCH)
    assert record is not None
    for ref in record.files:
        store.verify(ref)
    assert not list((store.root / "staging" / "shop").glob("*"))
    return int(record.facts["mark"])


def test_too_little_memory_leaves_the_last_output_and_enough_the_new_one(tmp_path: Path) -> None:
    outcomes = []
    for number, limit in enumerate(LIMITS):
        store = Store(tmp_path / str(number))
        publish(store, 1, 10)
        went_well = _publish_within(store, limit)
        outcomes.append(went_well)
        assert _mark(store) == (2 if went_well else 1), limit
    assert not outcomes[0], "the least is too little"
    assert outcomes[-1], "the most is enough"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    "config",
    [
        MlpConfig(epochs=1, width=1024, batch_rows=20_000, threads=1, device="cpu"),
        XGBoostConfig(rounds=3, depth=14, threads=1),
    ],
    ids=["torch", "xgboost"],
)
def test_a_training_that_lacks_memory_says_so(config: ModelConfig) -> None:
    """Each library by words of its own, taken here from the real ones."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 20_000).astype(np.float32)
    rows = Rows(generator.normal(size=(20_000, 20)).astype(np.float32), labels)

    def work(more_bytes: int) -> None:
        allow_memory(more_bytes)
        fit_model(config, rows, rows, Conditions(0))

    assert fork(lambda: work(2 << 20), expected=ModelMemoryError) == REFUSED
    assert fork(lambda: work(4 << 30), expected=ModelMemoryError) == SURVIVED
