"""What every test shares: silence towards the network, and a store of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.update(
    {
        "GX_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "ERROR",
    }
)

from tasks.core.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")
