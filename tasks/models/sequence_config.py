"""What a pipeline file may say of networks that read the events before an event."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.models.network_config import NetworkConfig


class SequenceNetwork(NetworkConfig):
    """What the networks share that read sequences, and the flat features beside them."""

    width: int = Field(64, ge=1, le=4096, description="Units of a step and of a hidden layer")
    learning_rate: float = Field(2e-3, gt=0, description="Peak of the learning-rate schedule")


class SequenceCnnConfig(SequenceNetwork):
    """Convolutions along the steps of sequences."""

    kind: Literal["sequence_cnn"] = "sequence_cnn"
    layers: int = Field(2, ge=1, le=16, description="Convolutions, one after the other")
    kernel: int = Field(3, ge=1, le=31, description="Steps that one convolution looks at")


class RecurrentConfig(SequenceNetwork):
    """A recurrent network along the steps, and attention over them."""

    kind: Literal["recurrent"] = "recurrent"
    cell: Literal["lstm", "gru"] = Field("lstm", description="How a step remembers")
    layers: int = Field(1, ge=1, le=4, description="Recurrent layers, one on the other")
