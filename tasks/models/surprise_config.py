"""What may be said of a watch over one series."""

from __future__ import annotations

from pydantic import Field

from tasks.core.config import Config


class SurpriseConfig(Config):
    """When a point of a series is surprising, and when that is an alarm."""

    lags: int = Field(12, ge=1, le=1000, description="Points that the next one is forecast from")
    refit: int = Field(100, ge=1, description="Points after which all is learned again")
    memory: int = Field(25_000, ge=200, description="Points that are remembered at most")
    threshold: float = Field(
        10.0, gt=0, description="Surprise of an alarm, in nats beyond the usual nine tenths"
    )
    rest: float = Field(
        0.2, ge=0, description="Silence after an alarm, as a share of the points learned from first"
    )
