"""What a pipeline file may say under `monitoring`."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from tasks.core.config import Config


class DriftConfig(Config):
    """From which population stability index on a change is called what."""

    moderate: float = Field(0.1, gt=0, description="Index of a moderate drift")
    strong: float = Field(0.25, gt=0, description="Index of a strong drift")

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.strong < self.moderate:
            raise ValueError(
                f"strong >= moderate is required; found {self.strong} < {self.moderate}"
            )
        return self


class MonitoringConfig(Config):
    """How nights are watched."""

    drift: DriftConfig = Field(DriftConfig(), description="When a change is called a drift")
    watts_per_core: float = Field(
        10.0, gt=0, description="What a busy core draws, for the estimate of energy in `runs`"
    )
