"""No dependency reports to its maker."""

from __future__ import annotations

import os

_SILENCE = {
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
}


def silence_telemetry() -> None:
    """Turn telemetry off before anything is imported, unless the user has turned it on."""
    for name, value in _SILENCE.items():
        os.environ.setdefault(name, value)
