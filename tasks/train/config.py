"""What a pipeline file may say under `training`."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tasks.core.config import Config, Duration


class Shares(Config):
    """How much of the examples each later part gets; the rest is fitted on."""

    stop: float = Field(0.12, gt=0, lt=1, description="Share that decides when training stops")
    calibrate: float = Field(0.12, gt=0, lt=1, description="Share that turns scores into chances")
    test: float = Field(0.2, gt=0, lt=1, description="Share that the figures are measured on")

    @model_validator(mode="after")
    def _leaves_something(self) -> Self:
        if self.stop + self.calibrate + self.test > 0.9:
            raise ValueError("stop, calibrate and test leave less than a tenth to fit on")
        return self


class TimeSplit(Shares):
    """Fit on the earliest rows, then stop, calibrate and test on later and later ones."""

    kind: Literal["time"] = "time"
    embargo: Duration = Field(
        dt.timedelta(0), description="Time before the test part whose rows are in no part"
    )


class RandomSplit(Shares):
    """Stratified by label; a row's part depends on its id and the seed alone."""

    kind: Literal["random"] = "random"


SplitConfig = Annotated[TimeSplit | RandomSplit, Field(discriminator="kind")]


class TrainingConfig(Config):
    """How a model is trained, calibrated and measured."""

    window: Duration = Field(
        dt.timedelta(days=90), description="How far back the examples reach from the known labels"
    )
    split: SplitConfig = Field(TimeSplit(), description="How the examples are divided")
    seed: int = Field(0, ge=0, description="Of the split, the initial weights and the order")
    deduplicate: Literal["no", "also"] = Field(
        "no",
        description="also: measure a second time without test rows whose features repeat those of "
        "a training row or an earlier test row",
    )
    alerts_per_day: int | None = Field(
        None, ge=1, description="Budget at which precision and recall are measured"
    )
    bootstrap_rounds: int = Field(
        200, ge=0, description="Resamples behind each interval; 0 for none"
    )
    keep_versions: int = Field(5, ge=2, description="Registered versions that stay in the store")
