"""What a pipeline file may say of a multilayer perceptron."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.models.network_config import NetworkConfig


class MlpConfig(NetworkConfig):
    """A multilayer perceptron on embedded features."""

    kind: Literal["mlp"] = "mlp"
    width: int = Field(128, ge=1, le=4096, description="Units of a hidden layer")
