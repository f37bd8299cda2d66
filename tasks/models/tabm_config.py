"""What a pipeline file may say of TabM."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.models.network_config import NetworkConfig


class TabMConfig(NetworkConfig):
    """TabM: an ensemble of perceptrons that share most of their weights."""

    kind: Literal["tabm"] = "tabm"
    heads: int = Field(8, ge=1, le=64, description="Perceptrons in the ensemble")
    width: int = Field(64, ge=1, le=4096, description="Units of a hidden layer")
