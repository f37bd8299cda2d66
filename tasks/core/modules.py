"""Where the code of an installed module lies."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def installed_file(module: str) -> Path | None:
    """The Python file of an installed module; None where there is none."""
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    if found is None or not found.origin or not found.origin.endswith(".py"):
        return None
    return Path(found.origin)
