"""Attacks that no training row showed, KDD Cup 1999 10% without repeated rows.

    python -m tests.bench.quality_unknown --data ../shared/data

One class of attacks after the other is left out of the training, which sees half of the normal rows
and the other attacks; then it is scored beside the other half of the normal rows. Detected is a row
that scores above all but 1% of those. XGBoost knows the other attacks, PCA the normal rows alone;
combined is the mean of their ranks among the normal rows of the training.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from tasks.models.anomaly_config import PcaConfig
from tasks.models.base import Conditions, Rows, Scorer
from tasks.models.boosted_config import XGBoostConfig
from tasks.models.metrics import rank_rows, roc_auc
from tasks.models.zoo import MODELS
from tests.bench.quality_kdd99 import read

SUPERVISED = XGBoostConfig(rounds=60, learning_rate=0.2)
FALSE_ALARMS = 0.01
LEAST_ROWS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with kdd99/")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=20_000, help="normal rows of each half")
    arguments = parser.parse_args()
    table, attacks = read(arguments.data)
    table, first = np.unique(table, axis=0, return_index=True)
    attacks = attacks[first]
    generator = np.random.default_rng(arguments.seed)
    normal = generator.permutation(np.flatnonzero(attacks == "normal."))[: 2 * arguments.rows]
    known, later = np.split(normal, 2)
    start = time.process_time()
    usual = Rows(table[known], np.zeros(len(known), np.float32))
    anomaly = MODELS["pca"].fit(PcaConfig(), usual, usual, Conditions(arguments.seed)).scorer
    print("| left out | rows | XGBoost | PCA | combined |\n|---|---|---|---|---|")
    found = []
    for attack in sorted(set(attacks) - {"normal."}):
        hidden = np.flatnonzero(attacks == attack)
        if len(hidden) < LEAST_ROWS:
            continue
        others = np.flatnonzero((attacks != "normal.") & (attacks != attack))
        others = generator.permutation(others)[: arguments.rows]
        supervised = _supervised(table, known, others, arguments.seed)
        detected = _detected(supervised, anomaly, table, (known, later, hidden))
        found.append([rate for rate, _ in detected])
        cells = [f"{rate:.1%} ({area:.3f})" for rate, area in detected]
        print(f"| {attack.rstrip('.')} | {len(hidden)} | {' | '.join(cells)} |", flush=True)
    means = " | ".join(f"{mean:.1%}" for mean in np.mean(found, axis=0))
    print(f"| mean of classes | | {means} |\n\n{time.process_time() - start:.0f} CPU s")


def _supervised(table: np.ndarray, known: np.ndarray, others: np.ndarray, seed: int) -> Scorer:
    """XGBoost on normal rows and the other attacks; a tenth decides when it stops."""
    places = np.random.default_rng(seed).permutation(np.concatenate([known, others]))
    labels = np.isin(places, others).astype(np.float32)
    cut = len(places) // 10
    fit, stop = Rows(table[places[cut:]], labels[cut:]), Rows(table[places[:cut]], labels[:cut])
    return MODELS["xgboost"].fit(SUPERVISED, fit, stop, Conditions(seed)).scorer


def _detected(
    supervised: Scorer,
    anomaly: Scorer,
    table: np.ndarray,
    parts: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> list[tuple[float, float]]:
    """Share of the hidden attack detected, and AUC against normal rows, of each way to score."""
    columns = []
    for scorer in (supervised, anomaly):
        known, later, hidden = (scorer.score(table[rows]) for rows in parts)
        columns.append([_ranks(known, later), _ranks(known, hidden), later, hidden])
    ways = [(each[2], each[3]) for each in columns]
    ways.append((columns[0][0] + columns[1][0], columns[0][1] + columns[1][1]))
    measured = []
    for later, hidden in ways:
        labels = np.r_[np.zeros(len(later)), np.ones(len(hidden))]
        area = roc_auc(rank_rows(labels, np.r_[later, hidden]))
        measured.append((float((hidden > np.quantile(later, 1 - FALSE_ALARMS)).mean()), area))
    return measured


def _ranks(known: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The share of known normal rows that score less; of equals the half."""
    ordered = np.sort(known)
    sides = (np.searchsorted(ordered, scores, side) for side in ("left", "right"))
    return sum(sides) / (2 * len(ordered))


if __name__ == "__main__":
    main()
