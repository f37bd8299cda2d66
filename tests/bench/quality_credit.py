"""Credit card default (UCI): 5 stratified folds, each model on the same rows.

    python -m tests.bench.quality_credit --data ../shared/data

Of each fold's rows outside the test, an eighth decides when training stops.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import TypeAdapter

from tasks.models.base import Conditions, Rows
from tasks.models.config import ModelConfig
from tasks.models.metrics import average_precision, rank_rows, roc_auc
from tasks.models.zoo import MODELS

LABEL = "class"
FOLDS = 5


def read(path: Path) -> Rows:
    """All columns but the row's number, as they are."""
    file = path / "credit-default" / "UCI_Credit_Card.csv"
    table = pl.read_csv(file, infer_schema=False).drop("ID").cast(pl.Float32)
    names = tuple(name for name in table.columns if name != LABEL)
    matrix = np.ascontiguousarray(table.select(names).to_numpy())
    return Rows(matrix, table[LABEL].to_numpy(), names)


def folds(labels: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Positions to fit, to stop and to test on, the classes dealt out evenly."""
    generator = np.random.default_rng(seed)
    place = np.empty(len(labels), np.int64)
    for value in (0, 1):
        rows = np.flatnonzero(labels == value)
        place[generator.permutation(rows)] = np.arange(len(rows))
    for fold in range(FOLDS):
        test = place % FOLDS == fold
        stop = ~test & (place // FOLDS % 8 == 0)
        yield tuple(map(np.flatnonzero, (~test & ~stop, stop, test)))


def measure(config: ModelConfig, rows: Rows, seed: int) -> tuple[list[float], list[float], float]:
    """AUC and average precision of each fold, and CPU seconds of a fit."""
    areas, precisions, start = [], [], time.process_time()
    for parts in folds(rows.labels, seed):
        fit, stop, test = (Rows(rows.table[p], rows.labels[p], rows.names) for p in parts)
        scorer = MODELS[config.kind].fit(config, fit, stop, Conditions(seed)).scorer
        ranking = rank_rows(test.labels, scorer.score(test.table))
        areas.append(roc_auc(ranking))
        precisions.append(average_precision(ranking))
    return areas, precisions, (time.process_time() - start) / FOLDS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with credit-default/")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--models", nargs="+", default=["linear", "tree", "xgboost", "tabm"])
    arguments = parser.parse_args()
    rows = read(arguments.data)
    print("| model | seed | AUC | ± | AP | ± | CPU s a fold |\n|---|---|---|---|---|---|---|")
    for text in arguments.models:
        kind, *settings = text.split(",")
        content = {"kind": kind, **dict(s.split("=") for s in settings)}
        config = TypeAdapter(ModelConfig).validate_python(content)
        for seed in range(arguments.seeds):
            areas, precisions, cpu = measure(config, rows, seed)
            spread = [np.std(v, ddof=1) / FOLDS**0.5 for v in (areas, precisions)]
            print(
                f"| {text} | {seed} | {np.mean(areas):.4f} | {spread[0]:.4f} "
                f"| {np.mean(precisions):.4f} | {spread[1]:.4f} | {cpu:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
