"""Selection on problems whose answer is known: what is found, what is taken by mistake.

    python -m tests.bench.selection --rows 20000 --features 116 --seeds 3
    python -m tests.bench.selection --noise-seeds 100

A problem has 12 informative features, 4 noisy copies of some of them, and noise, a fifth of it
rare marks of 0 and 1; 5% of its rows are positive. Boruta stands beside it where it is installed.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import DataError
from tasks.select.config import SelectionConfig
from tasks.select.select import select

INFORMATIVE, REDUNDANT = 12, 4
Table = NDArray[np.float32]
Labels = NDArray[np.int8]


def problem(rows: int, features: int, seed: int, informative: bool = True) -> tuple[Table, Labels]:
    """A table with known answers: informative columns first, redundant ones next, then noise."""
    generator = np.random.default_rng(seed)
    table = generator.normal(size=(rows, features)).astype(np.float32)
    marks = (features - INFORMATIVE - REDUNDANT) // 5
    table[:, features - marks :] = table[:, features - marks :] > 1.8
    score = generator.logistic(size=rows)
    if informative:
        sizes = generator.uniform(0.25, 0.6, INFORMATIVE) * generator.choice([-1, 1], INFORMATIVE)
        score += table[:, :INFORMATIVE] @ sizes
        copies = table[:, :REDUNDANT] + 0.5 * generator.normal(size=(rows, REDUNDANT))
        table[:, INFORMATIVE : INFORMATIVE + REDUNDANT] = copies
    return table, (score > np.quantile(score, 0.95)).astype(np.int8)


def by_lamplighter(method: str) -> Callable[[Table, Labels, int], Sequence[int]]:
    """The columns our selection takes."""

    def chosen(table: Table, labels: Labels, seed: int) -> Sequence[int]:
        config = SelectionConfig.model_validate({"method": method, "seed": seed})
        names = [f"{i:04d}" for i in range(table.shape[1])]
        try:
            return [int(name) for name in select(table, labels, names, config).features]
        except DataError:
            return []

    return chosen


def by_boruta(table: Table, labels: Labels, seed: int) -> Sequence[int]:
    """The columns Boruta confirms with a random forest, its usual partner."""
    forest = importlib.import_module("sklearn.ensemble").RandomForestClassifier(
        n_jobs=1, max_depth=5, class_weight="balanced", random_state=seed
    )
    boruta = importlib.import_module("boruta").BorutaPy(
        forest, n_estimators="auto", random_state=seed
    )
    boruta.fit(table, labels)
    return [int(i) for i in np.flatnonzero(boruta.support_)]


def methods() -> dict[str, Callable[[Table, Labels, int], Sequence[int]]]:
    """Ours, and Boruta where it is installed."""
    found = {name: by_lamplighter(name) for name in ("null_importance", "shadow")}
    if importlib.util.find_spec("boruta"):
        found["boruta"] = by_boruta
    return found


def main() -> None:
    """Print what each method finds, and how often pure noise gives it anything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--features", type=int, default=116)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--noise-seeds", type=int, default=0)
    parser.add_argument("--noise-rows", type=int, default=2_000)
    asked = parser.parse_args()
    for name, chosen in methods().items():
        for seed in range(asked.seeds):
            table, labels = problem(asked.rows, asked.features, seed)
            began = time.process_time()
            taken = np.array(chosen(table, labels, seed), np.int64)
            seconds = time.process_time() - began
            informative = int((taken < INFORMATIVE).sum())
            redundant = int((taken < INFORMATIVE + REDUNDANT).sum()) - informative
            noise = len(taken) - informative - redundant
            print(
                f"{name:<16} seed {seed}: informative {informative}/{INFORMATIVE}, "
                f"redundant {redundant}/{REDUNDANT}, noise {noise}, {seconds:.1f} cpu-s",
                flush=True,
            )
        if asked.noise_seeds:
            fooled = sum(
                bool(chosen(*problem(asked.noise_rows, asked.features, seed, False), seed))
                for seed in range(asked.noise_seeds)
            )
            print(
                f"{name:<16} fooled by noise in {fooled} of {asked.noise_seeds} seeds", flush=True
            )


if __name__ == "__main__":
    main()
