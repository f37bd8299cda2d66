"""When the gate closes, and what the suites are given."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pydantic import Field

from tasks.core.config import Config

Scalar = bool | int | float | dt.date | dt.datetime | str


class ValidationConfig(Config):
    """How much may be held back, and the values of the suites' parameters."""

    max_quarantined_share: float = Field(
        0.05, ge=0, le=1, description="Greatest share of a table that may be held back"
    )
    parameters: dict[str, Scalar | tuple[Scalar, ...]] = Field(
        {}, description="Values for $name in the suites; $batch_date is always given"
    )


@dataclass(frozen=True, slots=True)
class SuiteSource:
    """A suite file, read.

    Args:
        path: where it was read, for messages.
        text: the YAML.
    """

    path: str
    text: str
