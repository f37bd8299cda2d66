"""What a pipeline file may say of anomaly models that read sequences."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.models.anomaly_config import AnomalyNetwork


class SequenceAutoencoderConfig(AnomalyNetwork):
    """A network that gives a window of steps back through few numbers."""

    kind: Literal["sequence_autoencoder"] = "sequence_autoencoder"
    body: Literal["cnn", "lstm"] = Field(
        "cnn", description="Convolutions over the steps, ten times as fast; or LSTMs"
    )
    width: int = Field(32, ge=2, le=1024, description="Channels or units of a hidden layer")
    code: int = Field(16, ge=1, le=1024, description="Numbers in the middle, of a whole window")


class ForecasterConfig(AnomalyNetwork):
    """A network that tells the last step of a window from those before it."""

    kind: Literal["forecaster"] = "forecaster"
    width: int = Field(32, ge=2, le=1024, description="Units of the recurrent layer")
