"""Small selection problems whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.select.config import SelectionConfig

Table = NDArray[np.float32]
Labels = NDArray[np.int8]
SMALL = {"trees": 15, "threads": 1}


def config(**keys: Any) -> SelectionConfig:
    return SelectionConfig.model_validate({"trees": SMALL, **keys})


def problem(rows: int, seed: int, signals: int = 4, noise: int = 12) -> tuple[Table, Labels]:
    generator = np.random.default_rng(seed)
    table = generator.normal(size=(rows, signals + noise)).astype(np.float32)
    score = table[:, :signals].sum(axis=1) + generator.logistic(size=rows)
    labels = (score > np.quantile(score, 0.9)).astype(np.int8)
    table[::13, 0] = np.nan
    return table, labels


def names(table: Table, signals: int = 4) -> list[str]:
    return [f"{'signal' if i < signals else 'noise'}{i:02d}" for i in range(table.shape[1])]
