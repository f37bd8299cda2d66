"""What a pipeline file may say of detectors that give no rows back."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.models.anomaly_config import AnomalyNetwork


class SvddConfig(AnomalyNetwork):
    """Deep SVDD: a network that maps usual rows close to one point."""

    kind: Literal["svdd"] = "svdd"
    width: int = Field(128, ge=2, le=4096, description="Units of the first hidden layer")
    code: int = Field(32, ge=1, le=1024, description="Numbers that a row is mapped to")
    passes: int = Field(20, ge=1, description="How often each row is seen, within the two bounds")
    least_steps: int = Field(200, ge=1, description="Steps at least, however few the rows are")
    most_steps: int = Field(800, ge=1, description="Steps at most: longer, all rows become one")
    learning_rate: float = Field(1e-3, gt=0, description="Peak of the learning-rate schedule")
    weight_decay: float = Field(1e-4, ge=0, description="Decoupled decay of the weights")


class DiffusionConfig(AnomalyNetwork):
    """DTE-C: how much noise a row looks as if it had, by classes of noise."""

    kind: Literal["diffusion"] = "diffusion"
    width: int = Field(256, ge=2, le=4096, description="Units of a hidden layer")
    classes: int = Field(7, ge=2, le=100, description="Classes of noise")
    passes: int = Field(100, ge=1, description="How often each row is seen, within the two bounds")
    least_steps: int = Field(1500, ge=1, description="Steps at least, however few the rows are")


class GanConfig(AnomalyNetwork):
    """A bidirectional GAN: generator, encoder, and critics of pairs."""

    kind: Literal["gan"] = "gan"
    width: int = Field(128, ge=2, le=4096, description="Units of a hidden layer")
    code: int | None = Field(
        None, ge=1, description="Numbers that a row comes from; empty: half the features, 2 to 32"
    )
    learning_rate: float = Field(5e-4, gt=0, description="Peak of the learning-rate schedule")
    least_steps: int = Field(1500, ge=1, description="Steps at least, however few the rows are")
