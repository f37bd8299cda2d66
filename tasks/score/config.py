"""What a pipeline file may say under `decision` and `scoring`."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tasks.core.config import Config, Duration


class Decision(Config):
    """What every rule may know: what looking and missing cost."""

    review: float | None = Field(
        None,
        gt=0,
        description="Cost of looking at one event: with `missed`, the report tells costs",
    )
    missed: float | None = Field(
        None, gt=0, description="Cost of missing a positive, in the same currency"
    )


class BudgetDecision(Decision):
    """Alert on the highest scores of each day, as many as people can look at."""

    kind: Literal["budget"] = "budget"
    per_day: int = Field(ge=1, description="Alerts a day")


class ThresholdDecision(Decision):
    """Alert where the calibrated probability, or the predicted value, reaches a threshold."""

    kind: Literal["threshold"] = "threshold"
    probability: float | None = Field(
        None, gt=0, le=1, description="Smallest probability of an alert"
    )
    value: float | None = Field(
        None, description="Smallest predicted value of an alert, where labels are values"
    )
    at: Literal["predicted", "low", "high"] = Field(
        "predicted",
        description="What has to reach the value: the predicted one; low, the lower end of its "
        "interval, so that few alerts are wrong; high, the upper end, so that few are missed",
    )

    @model_validator(mode="after")
    def _one_threshold(self) -> Self:
        if (self.probability is None) == (self.value is None):
            raise ValueError("a threshold of a `probability`, or of a `value` where labels are so")
        if self.value is None and self.at != "predicted":
            raise ValueError("`at` goes with a `value`")
        return self


class CostDecision(Decision):
    """Alert where looking costs less than the loss that is expected otherwise."""

    kind: Literal["cost"] = "cost"
    review: float = Field(gt=0, description="Cost of looking at one event")
    missed: float = Field(gt=0, description="Cost of missing a positive, in the same currency")


class FalseDiscoveryDecision(Decision):
    """Alert on as many events as a bound on the share of false alarms allows."""

    kind: Literal["fdr"] = "fdr"
    level: float = Field(
        0.1, gt=0, lt=1, description="Largest q-value of an alert: share of false ones among them"
    )


class TriageDecision(Decision):
    """A budget that also looks for what the model does not know yet."""

    kind: Literal["triage"] = "triage"
    per_day: int = Field(ge=1, description="Alerts a day")
    novelty: float = Field(
        0.15, ge=0, le=10, description="What the most novel event gains on its probability"
    )
    explore: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="Share of the alerts drawn by lot from the other events; of two or more one at "
        "least",
    )


DecisionConfig = Annotated[
    BudgetDecision | ThresholdDecision | CostDecision | FalseDiscoveryDecision | TriageDecision,
    Field(discriminator="kind"),
]


class CircuitConfig(Config):
    """When a model that runs out of time night after night is left alone for a while."""

    failures: int = Field(
        3, ge=1, description="Nights in a row it was late, before it is left alone"
    )
    rest: int = Field(3, ge=1, description="Nights it is not asked, before it is tried again")


class ScoringConfig(Config):
    """When a model's scores are not taken, so that the next rung of the ladder serves."""

    timeout: Duration = Field(
        dt.timedelta(minutes=30), description="How long a model may take; the fallback may longer"
    )
    max_distance: float | None = Field(
        0.6,
        gt=0,
        lt=1,
        description="Largest Kolmogorov-Smirnov distance of a night's scores from those of the "
        "training's test part, beyond chance; empty: any is taken",
    )
    reasons: int = Field(
        10_000,
        ge=0,
        description="Most alerts of a night that are explained, the highest scores first",
    )
    circuit: CircuitConfig = Field(
        CircuitConfig(), description="Models that run out of time again and again"
    )
