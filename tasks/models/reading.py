"""Rebuild a model from its files, and have it prove itself on a row before anybody trusts it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tasks.core.errors import ModelError
from tasks.core.memory import memory_for
from tasks.models.base import Scorer
from tasks.models.classes import likeliest
from tasks.models.config import ModelConfig
from tasks.models.stored import holding
from tasks.models.zoo import MODELS


def rebuild(
    config: ModelConfig,
    files: Mapping[str, bytes],
    features: int,
    classes: tuple[str, ...] = (),
) -> Scorer:
    """Rebuild a model that is to score rows of so many features.

    It scores a row of gaps: a model of other columns, or whose weights make no numbers, is found
    here and not in the night.

    Args:
        config: the family's settings.
        files: by suffix.
        features: columns of its matrix.
        classes: that it tells apart.

    Raises:
        ModelMemoryError: there was not the memory for it.
        ModelError: the files do not hold this model.
    """
    where = ", ".join(f"*.{suffix}" for suffix in sorted(files)) or "no files"
    what = f"a model of kind {config.kind} that scores rows of {features} features"
    with (
        memory_for("the model", where, "Score where there is more memory."),
        holding(what, where),
    ):
        scorer = MODELS[config.kind].load(config, files)
        row = np.full((1, features), np.nan, np.float32)
        scores = scorer.score(row)
        if scores.shape != (1,) or not np.isfinite(scores).all():
            raise ModelError("one finite score", found=f"{scores.tolist()} for a row of gaps")
        if classes:
            likeliest(scorer, row, classes)
    return scorer
