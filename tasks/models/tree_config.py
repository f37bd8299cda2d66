"""What a pipeline file may say of a decision tree."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.core.config import Config


class TreeConfig(Config):
    """One tree of yes-or-no questions."""

    kind: Literal["tree"] = "tree"
    depth: int = Field(
        8, ge=1, le=16, description="Levels at most; as many are kept as have the best stop metric"
    )
    least_rows: int = Field(20, ge=1, description="Rows of a leaf, at least")
    max_bin: int = Field(64, ge=2, le=255, description="Bins of a feature whose edges are tried")
    threads: int = Field(1, ge=1, description="Kept for all kinds of model; the tree uses one")
