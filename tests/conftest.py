"""What every test shares: silence towards the network, and a store of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before anything starts OpenMP's threads: a process that a test forks has none of them and would
# wait for them for ever; and the parts of the suite that run at once share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from flows.libraries import configure_libraries
from tasks.core.store import Store

configure_libraries()
os.environ["PREFECT_LOGGING_LEVEL"] = "ERROR"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")
