"""The checks of a night: which did not hold, and which of them a reader has to look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from tasks.report.contract import TABLES

_HANDLED_PERCENT = 2.0
NO_QUALITY = TABLES["data_quality"].empty()


def see_expectations(quality: pl.DataFrame) -> tuple[Mapping[str, Any], ...]:
    """The expectations, those that did not hold first, otherwise as they were."""
    return tuple(quality.sort("success", maintain_order=True).to_dicts())


def handled(check: Mapping[str, Any]) -> bool:
    """Whether a check that did not hold did its work: it held back a few rows, and no more.

    Sources have rows every night that are none of the events; a light that is never green tells
    nothing.
    """
    held_back = check["blocking"] and check["unexpected_percent"] is not None
    return bool(held_back and check["unexpected_percent"] <= _HANDLED_PERCENT)


def unhandled(quality: pl.DataFrame) -> int:
    """How many checks did not hold that a reader has to look at."""
    broken = quality.filter(~pl.col("success")).select("blocking", "unexpected_percent")
    return sum(not handled(check) for check in broken.to_dicts())
