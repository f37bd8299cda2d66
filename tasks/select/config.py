"""How features are selected."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from tasks.core.config import Config


class TreesConfig(Config):
    """The boosted trees whose gains are compared."""

    trees: int = Field(40, ge=1, description="Trees of one fit")
    depth: int = Field(3, ge=1, le=12, description="Depth of a tree")
    learning_rate: float = Field(0.1, gt=0, le=1, description="Shrinkage of a tree")
    max_bin: int = Field(64, ge=2, description="Bins of a feature; of matrix and trees alike")
    row_share: float = Field(0.7, gt=0, le=1, description="Share of rows a tree sees")
    feature_share: float = Field(0.5, gt=0, le=1, description="Share of features a node sees")
    threads: int = Field(
        1, ge=1, description="Threads; two on a busy machine can be slower than one"
    )


class SelectionConfig(Config):
    """Which test a feature has to pass, and what is forced."""

    method: Literal["null_importance", "shadow"] = Field(
        "null_importance",
        description="Against shuffled labels, or against shuffled copies of the features",
    )
    rounds: int = Field(20, ge=2, description="Rounds of shuffling")
    alpha: float = Field(
        0.05, gt=0, lt=1, description="Chance that a problem of pure noise selects anything"
    )
    seed: int = Field(0, ge=0, description="Seed of every shuffle, sample and fit")
    max_features: int | None = Field(None, ge=1, description="Keep no more than the strongest")
    max_rows: int = Field(30_000, ge=100, description="Rows above which a sample is drawn")
    keep: tuple[str, ...] = Field((), description="Features that are kept whatever the test says")
    drop: tuple[str, ...] = Field((), description="Features that are left out")
    trees: TreesConfig = Field(TreesConfig(), description="The boosted trees")

    @model_validator(mode="after")
    def _consistent(self) -> SelectionConfig:
        both = sorted(set(self.keep) & set(self.drop))
        if both:
            raise ValueError(f"a feature is kept or dropped, not both: {both}")
        least = math.ceil(1 / self.alpha) - 1
        if self.method == "null_importance" and self.rounds < least:
            raise ValueError(f"a test at level {self.alpha} needs {least} rounds or more")
        return self
