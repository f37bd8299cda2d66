"""What a pipeline file may say of networks that give rows back."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.models.anomaly_config import AnomalyNetwork


class AutoencoderConfig(AnomalyNetwork):
    """A perceptron that gives a row back through few numbers."""

    kind: Literal["autoencoder"] = "autoencoder"
    width: int = Field(128, ge=2, le=4096, description="Units of the first hidden layer")
    code: int | None = Field(
        None, ge=1, description="Numbers in the middle; empty: a third of the features, 2 to 32"
    )


class DenoisingConfig(AnomalyNetwork):
    """A perceptron that tells hidden features from the others."""

    kind: Literal["denoising"] = "denoising"
    width: int = Field(192, ge=2, le=4096, description="Units of a hidden layer")
    masks: int = Field(
        4, ge=1, le=64, description="How often each feature is hidden when a row is scored"
    )


class VariationalConfig(AnomalyNetwork):
    """An autoencoder whose middle is a distribution."""

    kind: Literal["variational"] = "variational"
    width: int = Field(128, ge=2, le=4096, description="Units of a hidden layer")
    code: int | None = Field(
        None, ge=1, description="Numbers in the middle; empty: half of the features, 2 to 32"
    )
    divergence: float = Field(
        0.3, ge=0, description="Weight of the middle's distance from a standard normal"
    )


class ConvAutoencoderConfig(AnomalyNetwork):
    """A convolutional bottleneck between two linear maps."""

    kind: Literal["conv_autoencoder"] = "conv_autoencoder"
    channels: int = Field(16, ge=2, le=512, description="Channels of the widest convolution")
    places: int = Field(
        16, ge=4, le=1024, multiple_of=4, description="Places that a row is laid out over"
    )
