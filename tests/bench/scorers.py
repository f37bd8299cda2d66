"""CPU seconds of scoring, by the deep model and by the trees beside it.

python -m tests.bench.scorers [--rows 200000] [--features 30]
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from tasks.models.base import Conditions, Rows
from tasks.models.config import TabMConfig, XGBoostConfig
from tasks.models.zoo import MODELS

_FIT_ROWS = 4_000


def main() -> None:
    """Fit small, score many, print a line for each model."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--rows", type=int, default=200_000)
    words.add_argument("--features", type=int, default=30)
    given = words.parse_args()
    generator = np.random.default_rng(0)
    table = generator.normal(size=(given.rows, given.features)).astype(np.float32)
    labels = (table[:_FIT_ROWS, 0] > 1).astype(np.float32)
    fit = Rows(table[:_FIT_ROWS], labels, tuple(f"f{i}" for i in range(given.features)))
    for config in (TabMConfig(epochs=1, threads=1), XGBoostConfig(threads=1)):
        scorer = MODELS[config.kind].fit(config, fit, fit, Conditions(0)).scorer
        times = []
        for _ in range(3):
            began = time.process_time()
            scorer.score(table)
            times.append(time.process_time() - began)
        per_million = sorted(times)[1] * 1e6 / given.rows
        print(f"{config.kind}: {per_million:.2f} CPU s a million rows, median of 3")


if __name__ == "__main__":
    main()
