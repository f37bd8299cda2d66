"""What a pipeline file may say under `decision`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tasks.core.config import Config


class BudgetDecision(Config):
    """Alert on the highest scores of each day, as many as people can look at."""

    kind: Literal["budget"] = "budget"
    per_day: int = Field(ge=1, description="Alerts a day")


class ThresholdDecision(Config):
    """Alert where the calibrated probability reaches a threshold."""

    kind: Literal["threshold"] = "threshold"
    probability: float = Field(gt=0, le=1, description="Smallest probability of an alert")


class CostDecision(Config):
    """Alert where looking costs less than the loss that is expected otherwise."""

    kind: Literal["cost"] = "cost"
    review: float = Field(gt=0, description="Cost of looking at one event")
    missed: float = Field(gt=0, description="Cost of missing a positive, in the same currency")


DecisionConfig = Annotated[
    BudgetDecision | ThresholdDecision | CostDecision, Field(discriminator="kind")
]
