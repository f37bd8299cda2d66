"""What a pipeline file may say under `training`."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from tasks.core.config import Config, Duration
from tasks.core.reference import Secret


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Columns = Annotated[tuple[str, ...], BeforeValidator(_listed)]


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
    embargo: Duration | None = Field(
        None,
        description="Time before the test part whose rows are in no part; empty: label.delay",
    )

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the events it is made by."""
        return ()


class RandomSplit(Shares):
    """Stratified; a row's place among those of its stratum depends on its id and the seed alone."""

    kind: Literal["random"] = "random"
    strata: Columns = Field(
        (), description="Columns of which every part gets its share of each value, as of the label"
    )

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the events it is made by."""
        return self.strata


class GroupSplit(Shares):
    """No group in two parts; a group's place depends on its name and the seed alone."""

    kind: Literal["group"] = "group"
    by: Columns = Field(min_length=1, description="Columns that name the group")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the events it is made by."""
        return self.by


SplitConfig = Annotated[TimeSplit | RandomSplit | GroupSplit, Field(discriminator="kind")]


class Folds(Config):
    """What all ways to fold share."""

    folds: int = Field(5, ge=2, le=100, description="How many")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the events they are made by."""
        return ()


class BlockFolds(Folds):
    """Blocks of time, purged: no fitted row whose label was not known by the tested block."""

    kind: Literal["blocks"] = "blocks"
    embargo: Duration | None = Field(
        None, description="Time next to the tested block that is in neither; empty: label.delay"
    )
    past_only: bool = Field(
        True,
        description="Fit on earlier blocks alone, as a night does; false: on later ones as well",
    )


class RandomFolds(Folds):
    """Stratified; a row's fold depends on its id, its stratum and the seed."""

    kind: Literal["random"] = "random"
    strata: Columns = Field((), description="Columns dealt out evenly, as the label is")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the events they are made by."""
        return self.strata


class GroupFolds(Folds):
    """No group in two folds."""

    kind: Literal["group"] = "group"
    by: Columns = Field(min_length=1, description="Columns that name the group")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the events they are made by."""
        return self.by


FoldsConfig = Annotated[BlockFolds | RandomFolds | GroupFolds, Field(discriminator="kind")]


class PromotionConfig(Config):
    """When a trained model takes the champion's place."""

    rule: Literal["better", "always", "manual"] = Field(
        "better",
        description="better: where it ranks better than the champion, beyond chance, on rows that "
        "neither was fitted on; else it scores in the shadow and takes the place once known labels "
        "say so. always: at once. manual: only by `lamplighter models promote`",
    )
    rounds: int = Field(500, ge=100, description="Resamples of the paired bootstrap")


class PrivacyConfig(Config):
    """The most that the weights of the model may tell of one training row."""

    epsilon: float = Field(gt=0, description="Budget of differential privacy; 1 to 8 are usual")
    delta: float = Field(
        1e-6, gt=0, lt=1, description="Chance beyond it; below one over the training rows"
    )
    max_grad_norm: float = Field(1.0, gt=0, description="To which a row's gradient is clipped")
    key: Secret = Field(
        description="Seeds the noise: 32 characters or more, which nobody who reads models knows",
        examples=["${PRIVACY_KEY}"],
    )


class TrainingConfig(Config):
    """How a model is trained, calibrated and measured."""

    window: Duration = Field(
        dt.timedelta(days=90), description="How far back the examples reach from the known labels"
    )
    split: SplitConfig = Field(TimeSplit(), description="How the examples are divided")
    folds: FoldsConfig | None = Field(
        None, description="Measure by cross-validation as well; costs a training for each fold"
    )
    seed: int = Field(0, ge=0, description="Of the split, the initial weights and the order")
    deduplicate: Literal["no", "also"] = Field(
        "no",
        description="also: measure a second time without test rows whose features repeat those of "
        "a training row or an earlier test row",
    )
    alerts_per_day: int | None = Field(
        None, ge=1, description="Budget at which precision and recall are measured"
    )
    cards: str | None = Field(
        None,
        description="Column of the event that names a card, a customer, a host: precision of the "
        "budget is measured by these as well, each reviewed once a day and not after it was found",
    )
    false_alarm_rates: tuple[float, ...] = Field(
        (0.01, 0.001), description="False-alarm rates at which recall is measured"
    )
    segments: Columns = Field(
        (), description="Columns of the event whose commonest values are measured one by one"
    )
    calibration: Literal["auto", "isotonic", "platt", "temperature"] = Field(
        "auto",
        description="How scores become chances; auto: what has the smaller log-loss on the half of "
        "the calibration part it was not learned from",
    )
    coverage: float = Field(
        0.9, gt=0, lt=1, description="Share of true values that prediction intervals are to hold"
    )
    bootstrap_rounds: int = Field(
        200, ge=0, description="Resamples behind each interval; 0 for none"
    )
    promotion: PromotionConfig = Field(
        PromotionConfig(), description="When a trained model takes the champion's place"
    )
    warm_start: bool = Field(
        False,
        description="Train from the champion's weights as well, where configuration and features "
        "are the same, and keep the better of both; costs two trainings. Needs a split by time, "
        "and no tuning",
    )
    privacy: PrivacyConfig | None = Field(
        None, description="Train the deep model with differential privacy; empty: without"
    )
    keep_versions: int = Field(5, ge=2, description="Registered versions that stay in the store")

    @model_validator(mode="after")
    def _is_one_training(self) -> Self:
        if self.privacy and self.warm_start:
            raise ValueError("privacy and warm_start: two trainings on the same rows tell twice")
        if self.warm_start and not isinstance(self.split, TimeSplit):
            raise ValueError(
                f"warm_start with a split of kind {self.split.kind}: the champion may have seen "
                "the rows that are to judge; take kind time, or warm_start out"
            )
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the events that splits are made by and measures told by."""
        folds = self.folds.columns if self.folds else ()
        return tuple(dict.fromkeys((*self.split.columns, *folds, *self.marks)))

    @property
    def marks(self) -> tuple[str, ...]:
        """Columns of the events that measures are told by."""
        cards = () if self.cards is None else (self.cards,)
        return tuple(dict.fromkeys((*self.segments, *cards)))
