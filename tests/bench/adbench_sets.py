"""The 37 tabular anomaly sets of ADBench, and the two protocols they are used by."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from tasks.models.base import Rows

Protocol = Literal["normals", "contaminated"]

MOST_ROWS = 20_000  # of a set; more are sampled, its share of anomalies kept
MOST_FITTED = 10_000
LEAST_ANOMALIES = 60  # that a sample keeps, where there are as many


def sets(data: Path) -> list[Path]:
    """Every set's file, in the order of their numbers."""
    return sorted((data / "adbench").glob("*.npz"), key=lambda each: int(each.stem.split("_")[0]))


def read(path: Path, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n, f) float32 and labels (n,), 1 for an anomaly; a sample of a large set."""
    with np.load(path, allow_pickle=False) as content:
        table, labels = content["X"].astype(np.float32), content["y"].astype(np.float32)
    if len(table) <= MOST_ROWS:
        return table, labels
    generator = np.random.default_rng(seed)
    odd, usual = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    kept = min(len(odd), max(LEAST_ANOMALIES, round(MOST_ROWS * len(odd) / len(table))))
    places = [generator.choice(odd, kept, False), generator.choice(usual, MOST_ROWS - kept, False)]
    taken = np.sort(np.concatenate(places))
    return table[taken], labels[taken]


def divide(
    table: np.ndarray, labels: np.ndarray, protocol: Protocol, seed: int
) -> tuple[Rows, np.ndarray, np.ndarray]:
    """The rows to fit on, the rows to score, and their labels.

    `normals`: half of the normal rows, labelled, to fit on; all others to score. `contaminated`:
    all rows to score, and the same, without labels, to fit on; at most 10,000 drawn at random.
    """
    generator = np.random.default_rng(seed)
    if protocol == "normals":
        usual = generator.permutation(np.flatnonzero(labels == 0))
        half = usual[: len(usual) // 2]
        rest = np.setdiff1d(np.arange(len(labels)), half)
        return (
            Rows(table[half[:MOST_FITTED]], labels[half[:MOST_FITTED]]),
            table[rest],
            labels[rest],
        )
    taken = generator.permutation(len(labels))[:MOST_FITTED]
    unknown = np.full(len(taken), np.nan, np.float32)
    return Rows(table[taken], unknown), table, labels
