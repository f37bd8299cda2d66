"""What a pipeline file may say of a network that reads images."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from tasks.models.training_config import LEAST_STEPS, Augmentation, SupervisedTraining


class ImageCnnConfig(SupervisedTraining):
    """Convolutions over images, and the flat features beside them."""

    usual_epochs: ClassVar[int] = 15

    kind: Literal["image_cnn"] = "image_cnn"
    width: int = Field(32, ge=1, le=1024, description="Channels of the first stage; they double")
    stages: int = Field(3, ge=1, le=6, description="Stages; each halves the image's extents")
    convolutions: int = Field(2, ge=1, le=8, description="Convolutions of each later stage")
    bins: int = Field(8, ge=2, le=256, description="Pieces of a flat feature's linear encoding")
    embedding: int = Field(8, ge=1, le=256, description="Numbers a flat feature is embedded in")
    augmentation: Augmentation = Field(
        Augmentation(), description="How images are changed while they are learned from"
    )
    epochs: int | None = Field(
        None,
        ge=1,
        description="Passes over the training rows at most; empty: 15, or with few rows as many "
        f"as make {LEAST_STEPS:,} steps, in 15 epochs",
    )
    batch_rows: int = Field(128, ge=1, description="Rows in one step of the optimiser")
    learning_rate: float = Field(1e-2, gt=0, description="Peak of the learning-rate schedule")
    schedule: Literal["coslog4", "cosine", "one_cycle", "plateau", "constant"] = Field(
        "one_cycle", description="How the learning rate rises and falls; as of every network"
    )
    devices: Literal[1] = Field(
        1, description="One: each of several would normalise by the images of its own share"
    )
    weight_decay: float = Field(1e-2, ge=0, description="Decoupled decay of the weights")
