"""Intrusions, KDD Cup 1999 10%: a random 70/30 split, raw and without repeated test rows.

    python -m tests.bench.quality_kdd99 --data ../shared/data

The raw figures flatter: most rows of this file repeat others. Recall is also given for each of
the 22 attacks. `--distinct` trains on rows that repeat no other. Said first: how many rows have a
twin with the other label, of which no model can get both right.
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
from tasks.models.metrics import average_precision, decision_metrics, rank_rows, roc_auc
from tasks.models.zoo import MODELS
from tasks.train.calibrate import calibrate
from tasks.train.evaluate import unrepeated

TEXT = (1, 2, 3)
LABEL = 41
SHARES = {"fit": 0.6, "stop": 0.65, "calibrate": 0.7, "test": 1.0}


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Features, the words as one column each, and the name of each row's attack."""
    table = pl.read_csv(path / "kdd99" / "kddcup.data_10_percent.gz", has_header=False)
    names = table.columns
    words = table.select(names[j] for j in TEXT).to_dummies()
    numbers = table.select(n for j, n in enumerate(names) if j not in (*TEXT, LABEL))
    matrix = pl.concat([numbers, words], how="horizontal").select(pl.all().cast(pl.Float32))
    return np.ascontiguousarray(matrix.to_numpy()), table[names[LABEL]].to_numpy()


def divide(attacks: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Positions of each part's rows."""
    order = np.random.default_rng(seed).permutation(len(attacks))
    ends = [0, *(round(share * len(order)) for share in SHARES.values())]
    return {part: order[a:b] for part, a, b in zip(SHARES, ends, ends[1:], strict=False)}


def distinct(parts: dict[str, np.ndarray], table: np.ndarray) -> dict[str, np.ndarray]:
    """The parts, all but the test without rows that repeat one of them."""
    learned = np.concatenate([parts[part] for part in SHARES if part != "test"])
    kept = learned[unrepeated(table[learned], table[:0])]
    return {part: at if part == "test" else at[np.isin(at, kept)] for part, at in parts.items()}


def contradicted(table: np.ndarray, labels: np.ndarray) -> int:
    """Rows that have a twin with the other label."""
    columns = [f"f{j}" for j in range(table.shape[1])]
    rows = pl.DataFrame(table, schema=columns, orient="row").with_columns(label=labels)
    twins = rows.group_by(columns).agg(pl.len(), kinds=pl.col("label").n_unique())
    return int(twins.filter(pl.col("kinds") > 1)["len"].sum())


def report(
    config: ModelConfig,
    table: np.ndarray,
    attacks: np.ndarray,
    parts: dict[str, np.ndarray],
    seed: int,
) -> None:
    labels = (attacks != "normal.").astype(np.float32)
    rows = {part: Rows(table[places], labels[places]) for part, places in parts.items()}
    start, cpu = time.perf_counter(), time.process_time()
    scorer = MODELS[config.kind].fit(config, rows["fit"], rows["stop"], Conditions(seed)).scorer
    calibration = calibrate(scorer, rows["calibrate"])
    trained, cpu = time.perf_counter() - start, time.process_time() - cpu
    start = time.process_time()
    scores = scorer.score(rows["test"].table).astype(np.float64)
    rate = len(scores) / (time.process_time() - start)
    alerts = (calibration.probability(scores) >= 0.5).astype(np.float64)
    whole = divide(attacks, seed)
    earlier = np.vstack([table[whole[part]] for part in SHARES if part != "test"])
    for split, kept in (
        ("raw", np.arange(len(scores))),
        ("de-duplicated", unrepeated(rows["test"].table, earlier)),
    ):
        truth = rows["test"].labels[kept].astype(np.float64)
        found = decision_metrics(truth, alerts[kept])
        ranking = rank_rows(truth, scores[kept])
        print(
            f"| {config.kind} | {split} | {len(kept)} | {found['accuracy']:.4%} "
            f"| {found['recall']:.4%} | {found['false_alarm_rate']:.4%} | {roc_auc(ranking):.5f} "
            f"| {average_precision(ranking):.5f} | {trained:.1f} | {cpu:.1f} | {rate:,.0f} |",
            flush=True,
        )
    print(f"\n{config.kind}, recall of each attack in the raw test part: ", end="")
    print(", ".join(_recalls(attacks[parts["test"]], alerts)) + "\n", flush=True)


def _recalls(attacks: np.ndarray, alerts: np.ndarray) -> Iterator[str]:
    for attack in sorted(set(attacks) - {"normal."}):
        rows = attacks == attack
        yield f"{attack.rstrip('.')} {int(alerts[rows].sum())}/{int(rows.sum())}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with kdd99/")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", nargs="+", default=["tabm,epochs=3", "mlp,epochs=3", "xgboost"])
    parser.add_argument("--distinct", action="store_true")
    arguments = parser.parse_args()
    table, attacks = read(arguments.data)
    parts = divide(attacks, arguments.seed)
    parts = distinct(parts, table) if arguments.distinct else parts
    print(f"{contradicted(table, attacks != 'normal.')} rows have a twin with the other label\n")
    columns = (
        *("model", "test rows", "n", "accuracy", "recall", "false alarms", "AUC", "AP"),
        *("train s", "CPU s", "rows a CPU s"),
    )
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for text in arguments.models:
        kind, *settings = text.split(",")
        content = {"kind": kind, **dict(s.split("=") for s in settings)}
        config = TypeAdapter(ModelConfig).validate_python(content)
        report(config, table, attacks, parts, arguments.seed)


if __name__ == "__main__":
    main()
