"""What a pipeline file may say about the training of any network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from tasks.core.config import Config

LEAST_STEPS = 2000  # of the optimiser, where the number of epochs is left open


class NetworkTraining(Config):
    """How a network is trained, whatever its shape."""

    usual_epochs: ClassVar[int] = 12

    epochs: int | None = Field(
        None,
        ge=1,
        description="Passes over the training rows at most; empty: 12, or with few rows as many "
        f"as make {LEAST_STEPS:,} steps, in 12 epochs",
    )
    patience: int = Field(
        5, ge=1, description="Epochs without a better stop metric before training stops"
    )
    batch_rows: int = Field(256, ge=1, description="Rows in one step of the optimiser")
    learning_rate: float = Field(4e-3, gt=0, description="Peak of the learning-rate schedule")
    schedule: Literal["coslog4", "cosine", "one_cycle", "plateau", "constant"] = Field(
        "coslog4",
        description="coslog4: four cosine cycles, each twice as long; cosine: one fall to 0; "
        "one_cycle: a rise for 30% of the steps, then a fall; plateau: half as fast after each "
        "stretch of half the patience without a better stop metric",
    )
    warm_up: float = Field(
        0.0, ge=0, lt=1, description="Share of all steps in which the rate rises from 0"
    )
    weight_decay: float = Field(3e-4, ge=0, description="Decoupled decay of the weights")
    l1: float = Field(0.0, ge=0, description="Weight of the sum of absolute weights in the loss")
    l2: float = Field(0.0, ge=0, description="Weight of half the sum of squares in the loss")
    dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of hidden units left out in a step; costs half of the speed of training",
    )
    gradient_clip: float = Field(1.0, gt=0, description="Largest norm of a step's gradient")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="Arithmetic of training; auto takes bfloat16 where the processor computes it",
    )
    scoring_precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Arithmetic of scoring. bfloat16 takes two thirds of the time where the "
        "processor computes it; scores then differ in their third digit, and among machines",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="Where to train; auto takes a graphics processor where there is one"
    )
    devices: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes that train the network together, each on a graphics processor of "
        "its own where there are any; each takes its share of every batch",
    )
    threads: int = Field(
        1,
        ge=1,
        description="Threads of training and scoring. Two on a busy machine wait for each other "
        "and can be 30 times slower; and last digits may differ from number to number",
    )
    checkpoint_seconds: float = Field(
        60.0, ge=0, description="Time between the states from which a killed training goes on"
    )

    @property
    def most_epochs(self) -> int:
        """Epochs at most."""
        return self.epochs or self.usual_epochs


class SupervisedTraining(NetworkTraining):
    """How a network learns from labels: two classes, several, or a value."""

    class_weights: Literal["none", "balanced"] | Mapping[str, PositiveFloat] = Field(
        "none",
        description="Weight of a row in the loss by its class: balanced, or by name (positive and "
        "negative where there are two). On the card-fraud data a weight of 20 on the positives "
        "cost 0.02 of average precision, and calibration needs none",
    )
    sampling: Literal["natural", "balanced"] = Field(
        "natural", description="balanced: every class fills its equal share of an epoch's rows"
    )
    focal: float = Field(
        0.0, ge=0, description="Gamma of the focal loss, which makes light of easy rows; 0: none"
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="Share of a label that is dealt out to all classes"
    )
    mixup: float = Field(
        0.0,
        ge=0,
        description="Alpha of the Beta distribution by which rows and labels are mixed; 0: not",
    )
    huber: float | None = Field(
        None,
        gt=0,
        description="Of a value: residuals beyond so many standard deviations of it count by their "
        "size, not their square; empty: all by their square",
    )

    @model_validator(mode="after")
    def _mixes_whole_batches(self) -> Self:
        if self.mixup and self.devices > 1:
            raise ValueError(
                "mixup with devices above 1: rows would be mixed within each process' share of a "
                "batch only; take one of the two"
            )
        return self


class Augmentation(Config):
    """How images are changed anew each time they are learned from; a share is of their width."""

    shift: float = Field(0.0, ge=0, le=0.5, description="Largest shift along each axis, a share")
    rotate: float = Field(0.0, ge=0, le=180, description="Largest turn, in degrees")
    scale: float = Field(0.0, ge=0, lt=1, description="Largest growth or shrinking, a share")
    elastic: float = Field(
        0.0, ge=0, le=0.5, description="Largest shift of the points of a coarse grid, a share"
    )
    erase: float = Field(
        0.0, ge=0, lt=1, description="Largest side of the rectangle that is blanked, a share"
    )
