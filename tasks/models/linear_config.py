"""What a pipeline file may say of linear models."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.core.config import Config


class LinearConfig(Config):
    """Logistic, softmax or linear regression, as the target says."""

    kind: Literal["linear"] = "linear"
    penalties: tuple[float, ...] = Field(
        (1e-1, 1e-2, 1e-3, 1e-4, 1e-5),
        min_length=1,
        description="Weights of half the sum of squared coefficients, tried from the first to the "
        "last; the one with the best stop metric is kept",
    )
    steps: int = Field(200, ge=1, description="Steps of the optimiser at most, for each penalty")
    threads: int = Field(1, ge=1, description="Kept for all kinds of model; these use one")
