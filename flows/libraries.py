"""What the libraries below are told before they are imported: report to nobody, wait quietly."""

from __future__ import annotations

import os

_SETTINGS = {
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
    # Idle OpenMP threads spin by default: on a machine that is busy with anything else a training
    # takes many times as long.
    "OMP_WAIT_POLICY": "PASSIVE",
}


def configure_libraries() -> None:
    """Set what the environment leaves open; what a user has set stays."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
