"""What every test shares: silence towards the network, and a store of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flows.libraries import configure_libraries
from tasks.core.store import Store

configure_libraries()
os.environ["PREFECT_LOGGING_LEVEL"] = "ERROR"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")
