"""Versions of the packages that an outcome depends on most."""

from __future__ import annotations

import contextlib
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = (
    "lamplighter",
    "polars",
    "prefect",
    "great_expectations",
    "torch",
    "xgboost",
    "xgboost-cpu",
)


def versions() -> dict[str, str]:
    """Version of each package by its name."""
    found = {}
    for package in _PACKAGES:
        # XGBoost goes by two names: the build without GPU libraries is a package of its own.
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
