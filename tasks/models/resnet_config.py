"""What a pipeline file may say of a residual network on features."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.models.network_config import NetworkConfig


class ResNetConfig(NetworkConfig):
    """Blocks of two layers whose outcome is added to what went in."""

    kind: Literal["resnet"] = "resnet"
    layers: int = Field(3, ge=1, le=64, description="Blocks")
    width: int = Field(128, ge=1, le=4096, description="Units between the blocks")
    inner: float = Field(2.0, gt=0, le=8, description="Units within a block, in widths")
    learning_rate: float = Field(2e-3, gt=0, description="Peak of the learning-rate schedule")
