"""What a pipeline file may say of XGBoost."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.core.config import Config


class XGBoostConfig(Config):
    """Gradient-boosted trees; also the fallback of every other model."""

    kind: Literal["xgboost"] = "xgboost"
    rounds: int = Field(600, ge=1, description="Trees at most, of each class")
    patience: int = Field(30, ge=1, description="Trees without a better stop metric before the end")
    depth: int = Field(4, ge=1, le=16, description="Levels of a tree")
    learning_rate: float = Field(0.05, gt=0, le=1, description="Share of each tree that is added")
    row_share: float = Field(0.8, gt=0, le=1, description="Rows each tree sees")
    column_share: float = Field(0.8, gt=0, le=1, description="Features each tree sees")
    max_bin: int = Field(256, ge=2, description="Histogram bins of a feature")
    threads: int = Field(1, ge=1, description="Threads of training and scoring")
