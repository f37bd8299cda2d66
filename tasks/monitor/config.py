"""What a pipeline file may say under `monitoring`."""

from __future__ import annotations

import datetime as dt
from typing import Literal, Self, get_args

from pydantic import Field, model_validator

from tasks.core.config import Config, Duration


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


class DriftRule(Config):
    """Train where the score, or so many features, drifted strongly on so many nights in a row."""

    share: float = Field(0.2, gt=0, le=1, description="Share of the features")
    nights: int = Field(3, ge=1, description="Nights in a row")


class DecayRule(Config):
    """Train where alerts have fewer hits than their probabilities promised."""

    ratio: float = Field(0.8, gt=0, le=1, description="Least share of the promised hits")
    expected_hits: float = Field(10.0, gt=0, description="Promised hits before anything is said")


class RetrainConfig(Config):
    """When a training is due; a rule that is empty asks for none."""

    drift: DriftRule | None = Field(None, description="By drift")
    decay: DecayRule | None = Field(None, description="By what alerts turned out to be worth")
    age: Duration | None = Field(None, description="By the time since the last training")
    trial: Duration = Field(
        dt.timedelta(days=30),
        description="How long a challenger's nights are judged before another training is due",
    )


Event = Literal["incident", "failed", "missing", "drift", "decay", "retraining"]
EVENTS: tuple[Event, ...] = get_args(Event)


class NotifyConfig(Config):
    """Somebody who is told."""

    to: str = Field(
        pattern=r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$",
        description="Apprise address of mail, Slack, Teams, a webhook: by name, as ${OPS_SLACK}",
    )
    on: tuple[Event, ...] = Field(EVENTS, min_length=1, description="What they are told of")

    @property
    def secret(self) -> str:
        """The name of the variable that holds the address."""
        return self.to[2:-1]


class MonitoringConfig(Config):
    """How nights are watched."""

    drift: DriftConfig = Field(DriftConfig(), description="When a change is called a drift")
    window: Duration = Field(
        dt.timedelta(days=90), description="How far back nights are measured again"
    )
    retrain: RetrainConfig = Field(RetrainConfig(), description="When a training is due")
    notify: tuple[NotifyConfig, ...] = Field((), description="Who is told of what")
    link: str = Field(
        "", pattern=r"^(https?://\S+)?$", description="Where the store's files are served, if so"
    )
    watts_per_core: float = Field(
        10.0, gt=0, description="What a busy core draws, for the estimate of energy in `runs`"
    )
