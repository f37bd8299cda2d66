"""How much a report shows, and where an alert's severity changes."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from tasks.core.config import Config


class SeverityConfig(Config):
    """From which calibrated probability on an alert is called what; below `medium` it is low."""

    critical: float = Field(0.8, ge=0, le=1, description="Probability of a critical alert")
    high: float = Field(0.5, ge=0, le=1, description="Probability of a high alert")
    medium: float = Field(0.2, ge=0, le=1, description="Probability of a medium alert")

    @model_validator(mode="after")
    def _falls(self) -> Self:
        if not self.critical >= self.high >= self.medium:
            raise ValueError(
                "critical >= high >= medium is required; "
                f"found {self.critical}, {self.high}, {self.medium}"
            )
        return self


class ReportConfig(Config):
    """How a night is told to people."""

    format: Literal["parquet", "delta"] = Field(
        "parquet", description="`delta`: the tables are published as Delta Lake tables as well"
    )
    severity: SeverityConfig = Field(SeverityConfig(), description="Steps of an alert's severity")
    top_alerts: int = Field(20, ge=0, le=1000, description="Alerts shown on the page")
    drifts_shown: int = Field(12, ge=0, le=1000, description="Drifts shown on the page")
    features_shown: int = Field(40, ge=1, le=1000, description="Features shown on the page")
