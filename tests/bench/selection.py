"""Selection on problems whose answer is known: what is found, what is taken by mistake.

    python -m tests.bench.selection --rows 20000 --features 116 --seeds 3
    python -m tests.bench.selection --features 50 --noise-seeds 100 --methods null_importance l1

A problem has 12 informative features, 4 noisy copies of some of them (correlation 0.89), and noise:
a fifth of it rare marks of 0 and 1, a fifth of it in correlated pairs, one column in ten with gaps.
5% of its rows are positive. Boruta stands beside it where it is installed (`pip install boruta`).
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.select.config import SelectionConfig
from tasks.select.select import METHODS, select

INFORMATIVE, REDUNDANT = 12, 4
RELEVANT = INFORMATIVE + REDUNDANT
Table = NDArray[np.float32]
Labels = NDArray[np.int8]
Method = Callable[[Table, Labels, int], Sequence[int]]


def problem(
    rows: int, features: int, seed: int, informative: bool = True, positives: float = 0.05
) -> tuple[Table, Labels]:
    """A table with known answers: informative columns first, redundant ones next, then noise."""
    generator = np.random.default_rng(seed)
    table = generator.normal(size=(rows, features)).astype(np.float32)
    noise = features - RELEVANT
    marks, pairs = noise // 5, noise // 10
    table[:, features - marks :] = table[:, features - marks :] > 1.8
    first = table[:, RELEVANT : RELEVANT + pairs]
    table[:, RELEVANT + pairs : RELEVANT + 2 * pairs] += 2 * first
    score = generator.logistic(size=rows)
    if informative:
        sizes = generator.uniform(0.25, 0.6, INFORMATIVE) * generator.choice([-1, 1], INFORMATIVE)
        score += table[:, :INFORMATIVE] @ sizes
        copies = table[:, :REDUNDANT] + 0.5 * generator.normal(size=(rows, REDUNDANT))
        table[:, INFORMATIVE:RELEVANT] = copies
    gaps = generator.random((rows, features)) < 0.2
    gaps[:, np.arange(features) % 10 != RELEVANT % 10] = False
    gaps[:, :RELEVANT] = False
    table[gaps] = np.nan
    return table, (score > np.quantile(score, 1 - positives)).astype(np.int8)


def noise_problems(rows: int, features: int) -> Iterator[tuple[str, Callable[[int], Table], float]]:
    """All-noise tables by kind, made from a seed, with the share of positives."""

    def plain(seed: int) -> Table:
        return problem(rows, features, seed, informative=False)[0]

    def few_rows(seed: int) -> Table:
        return plain(seed)[: max(100, rows // 10)]

    def correlated(seed: int) -> Table:
        common = np.random.default_rng(seed + 10_000).normal(size=(rows, 5))
        mixed = common @ np.random.default_rng(seed + 20_000).normal(size=(5, features))
        return (mixed + plain(seed)).astype(np.float32)

    def categories(seed: int) -> Table:
        generator = np.random.default_rng(seed)
        distinct = generator.choice([2, 3, 10, 100, 1000], features)
        skewed = generator.random((rows, features)) ** generator.uniform(1, 6, features)
        return np.floor(skewed * distinct).astype(np.float32)

    def gaps(seed: int) -> Table:
        generator, table = np.random.default_rng(seed + 30_000), plain(seed)
        table[generator.random(table.shape) < generator.uniform(0, 0.95, features)] = np.nan
        return table

    yield "plain", plain, 0.05
    yield "balanced", plain, 0.5
    yield "imbalanced", plain, 0.01
    yield "few rows", few_rows, 0.1
    yield "correlated", correlated, 0.05
    yield "categories", categories, 0.05
    yield "gaps", gaps, 0.05


def by_lamplighter(method: str) -> Method:
    """The columns our selection takes."""

    def chosen(table: Table, labels: Labels, seed: int) -> Sequence[int]:
        config = SelectionConfig.model_validate({"method": method, "seed": seed})
        names = [f"{i:04d}" for i in range(table.shape[1])]
        return [int(name) for name in select(table, labels, names, config).features]

    return chosen


def by_boruta(table: Table, labels: Labels, seed: int) -> Sequence[int]:
    """The columns Boruta confirms with a random forest, its usual partner; gaps filled."""
    forest = importlib.import_module("sklearn.ensemble").RandomForestClassifier(
        n_jobs=1, max_depth=5, class_weight="balanced", random_state=seed
    )
    return _confirmed(forest, np.nan_to_num(table), labels, seed, "auto")


def by_boruta_xgboost(table: Table, labels: Labels, seed: int) -> Sequence[int]:
    """The columns Boruta confirms with boosted trees of our own settings; gaps filled."""
    trees = SelectionConfig().trees
    boosted = importlib.import_module("xgboost").XGBClassifier(
        n_estimators=trees.trees,
        max_depth=trees.depth,
        learning_rate=trees.learning_rate,
        max_bin=trees.max_bin,
        subsample=trees.row_share,
        n_jobs=1,
        importance_type="total_gain",
        random_state=seed,
    )
    return _confirmed(boosted, np.nan_to_num(table), labels, seed, trees.trees)


def _confirmed(model: object, table: Table, labels: Labels, seed: int, trees: object) -> list[int]:
    boruta = importlib.import_module("boruta").BorutaPy(
        model, n_estimators=trees, random_state=seed
    )
    boruta.fit(table, labels)
    return [int(i) for i in np.flatnonzero(boruta.support_)]


def methods(names: Sequence[str]) -> dict[str, Method]:
    """Ours, and Boruta where it is asked for."""
    peers = {"boruta_forest": by_boruta, "boruta_xgboost": by_boruta_xgboost}
    if not importlib.util.find_spec("boruta"):
        names = [name for name in names if name not in peers]
    return {name: peers.get(name) or by_lamplighter(name) for name in names}


def measure_found(name: str, chosen: Method, asked: argparse.Namespace) -> None:
    """Print what a method finds in problems with an answer."""
    rows = []
    for seed in range(asked.seeds):
        table, labels = problem(asked.rows, asked.features, seed, positives=asked.positives)
        began = time.process_time()
        taken = np.array(chosen(table, labels, seed), np.int64)
        seconds = time.process_time() - began
        right = int((taken < RELEVANT).sum())
        informative = int((taken < INFORMATIVE).sum())
        rows.append((informative, right - informative, len(taken) - right, seconds))
    informative, redundant, noise, seconds = np.mean(rows, axis=0)
    found = informative + redundant
    precision = found / (found + noise) if found else float("nan")
    print(
        f"| {name} | {informative:.1f} | {redundant:.1f} | {noise:.2f} | {precision:.3f} "
        f"| {found / RELEVANT:.3f} | {seconds:.1f} |",
        flush=True,
    )


def measure_fooled(name: str, chosen: Method, asked: argparse.Namespace) -> None:
    """Print in how many seeds a method takes anything of pure noise."""
    for kind, make, positives in noise_problems(asked.noise_rows, asked.features):
        if asked.kinds and kind not in asked.kinds:
            continue
        fooled = 0
        began = time.process_time()
        for seed in range(asked.noise_seeds):
            table = make(seed)
            drawn = np.random.default_rng(seed + 90_000).random(len(table))
            labels = (drawn <= np.sort(drawn)[max(2, int(positives * len(drawn)))]).astype(np.int8)
            fooled += bool(len(chosen(table, labels, seed)))
        seconds = time.process_time() - began
        print(f"| {name} | {kind} | {fooled} of {asked.noise_seeds} | {seconds:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--features", type=int, default=116)
    parser.add_argument("--positives", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--noise-seeds", type=int, default=0)
    parser.add_argument("--noise-rows", type=int, default=1_000)
    parser.add_argument("--kinds", nargs="+", help="kinds of noise; all of them if not given")
    parser.add_argument("--methods", nargs="+", default=[*METHODS, "boruta_xgboost"])
    asked = parser.parse_args()
    if asked.noise_seeds:
        print("| method | noise | seeds that selected something | cpu s |\n|---|---|---|---|")
    else:
        print("| method | informative | redundant | noise | precision | recall | cpu s |")
        print("|---|---|---|---|---|---|---|")
    measure = measure_fooled if asked.noise_seeds else measure_found
    for name, chosen in methods(asked.methods).items():
        measure(name, chosen, asked)


if __name__ == "__main__":
    main()
