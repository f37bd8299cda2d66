"""What a pipeline file may say of a transformer on features."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from tasks.models.network_config import NetworkConfig


class TransformerConfig(NetworkConfig):
    """FT-Transformer: each feature is a token, and features attend to each other."""

    kind: Literal["transformer"] = "transformer"
    embedding: int = Field(32, ge=2, le=512, description="Numbers of a token")
    heads: int = Field(4, ge=1, le=32, description="Attention heads; they divide `embedding`")
    layers: int = Field(2, ge=1, le=16, description="Blocks of attention")
    inner: float = Field(2.0, gt=0, le=8, description="Units within a block, in tokens' widths")
    learning_rate: float = Field(1e-3, gt=0, description="Peak of the learning-rate schedule")

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.embedding % self.heads:
            raise ValueError(f"`heads` divides `embedding`; found {self.heads}, {self.embedding}")
        return self
