"""What a pipeline file may say of every network on features."""

from __future__ import annotations

from pydantic import Field

from tasks.models.training_config import SupervisedTraining


class NetworkConfig(SupervisedTraining):
    """What every network on tabular features shares: its embeddings and its training."""

    bins: int = Field(16, ge=2, le=256, description="Pieces of a feature's linear encoding")
    embedding: int = Field(8, ge=1, le=256, description="Numbers that one feature is embedded in")
    layers: int = Field(3, ge=1, le=16, description="Hidden layers")
