"""What training costs: against pytabkit on a fold of card fraud, and against bare matrix products.

    python -m tests.bench.training_cost speed
    python -m tests.bench.training_cost fold --data ../shared/data --models tabm resnet \\
        --peer PEER_PYTHON --peers RealMLP TabM

`fold` is the last of the handbook's folds before the ones that judge (`quality_handbook`), with the
features selected within its training days; every model stops by the same stratified 15% of them.
`PEER_PYTHON` is the Python of an environment of its own with `pytabkit` and the same `torch`: it
asks for other versions of what this project pins. CPU seconds are of fitting, on one thread.
"""

from __future__ import annotations

import argparse
import datetime as dt
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import torch

from tasks.models.base import Conditions, Rows
from tasks.models.devices import limited_threads
from tasks.models.metrics import average_precision, rank_rows, roc_auc
from tasks.models.zoo import MODELS
from tests.bench import quality_handbook as handbook

FIRST = dt.date(2018, 6, 20)
FEATURES, HEADS, WIDTH, LAYERS = 40, 8, 64, 3
BATCH = 256


def compare(arguments: argparse.Namespace) -> None:
    """Print CPU seconds and average precision of each model on the fold."""
    path = arguments.data / "handbook" / "transactions.parquet"
    day = pl.col("TX_DATETIME").dt.date()
    near = day.is_between(FIRST - dt.timedelta(days=45), FIRST + dt.timedelta(days=21))
    table, names = handbook.our_features(pl.scan_parquet(path).filter(near).collect())
    fold = handbook.fold(table, FIRST, names, choose=True)
    fit, stop = handbook.parts(fold, seed=0)
    test = handbook._matrix(fold.test, fold.features)
    truth = fold.test["TX_FRAUD"].to_numpy()
    print(f"{len(fit.labels):,} rows to fit on, {len(fold.features)} features")
    print("| model | CPU s | AUC | AP |\n|---|---|---|---|")
    for config in handbook._configs(arguments.models):
        began = time.process_time()
        scorer = MODELS[config.kind].fit(config, fit, stop, Conditions(0)).scorer
        tell(config.kind, time.process_time() - began, truth, scorer.score(test))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "fold.npz"
        content = {"fit": fit.table, "fit_labels": fit.labels, "stop": stop.table}
        np.savez(file, test=test, stop_labels=stop.labels, **content)
        for kind in arguments.peers if arguments.peer else ():
            script = Path(__file__).with_name("training_peer.py")
            words = [arguments.peer, str(script), str(file), kind]
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            scores = np.load(f"{file}.{kind}.npy")
            tell(f"pytabkit {kind}", float(done.stdout.split()[-1]), truth, scores)


def tell(name: str, seconds: float, truth: np.ndarray, scores: np.ndarray) -> None:
    """Print a row of the table."""
    ranking = rank_rows(truth, scores)
    print(
        f"| {name} | {seconds:.1f} | {roc_auc(ranking):.4f} | {average_precision(ranking):.4f} |",
        flush=True,
    )


def speed(arguments: argparse.Namespace) -> None:
    """Print rows a second of TabM, and the ratio to its matrix products alone in bfloat16."""
    rows = arguments.rows
    generator = np.random.default_rng(0)
    table = generator.normal(size=(rows, FEATURES)).astype(np.float32)
    labels = (table[:, 0] + generator.normal(size=rows) > 2).astype(np.float32)
    (config,) = handbook._configs([f"tabm,epochs=1,threads={arguments.threads}"])
    some = Rows(table[:2000], labels[:2000])
    family = MODELS[config.kind]
    family.fit(config, some, some, Conditions(0))  # what is done once
    began = time.process_time()
    scorer = family.fit(config, Rows(table, labels), some, Conditions(0)).scorer
    trained = rows / (time.process_time() - began)
    began = time.process_time()
    scorer.score(table)
    scored = rows / (time.process_time() - began)
    with limited_threads(arguments.threads):
        bare = [products(rows, width, arguments.threads) for width in (config.embedding, 1)]
    print("| | rows per CPU s | of the products with embeddings | of those without |")
    print("|---|---|---|---|")
    for name, value, times in (("training", trained, 3), ("scoring", scored, 1)):
        shares = [value / (products_a_second / times) for products_a_second in bare]
        print(f"| {name} | {value:,.0f} | {shares[0]:.2f} | {shares[1]:.2f} |")


def products(rows: int, embedding: int, threads: int) -> float:
    """Rows per CPU second of the forward products alone; backward has twice as many."""
    half = torch.bfloat16
    first = torch.randn(FEATURES * embedding, HEADS * WIDTH, dtype=half)
    weights = torch.randn(HEADS, WIDTH, WIDTH, dtype=half)
    batch = torch.randn(BATCH, FEATURES * embedding, dtype=half)

    def forward() -> None:
        hidden = (batch @ first).view(BATCH, HEADS, WIDTH).transpose(0, 1)
        for _ in range(LAYERS - 1):
            hidden = torch.bmm(hidden, weights)

    seconds = timed(forward, max(1, rows // BATCH))
    return rows / seconds


def timed(work: Callable[[], None], times: int) -> float:
    """CPU seconds of doing something so often, after having done it once."""
    work()
    began = time.process_time()
    for _ in range(times):
        work()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["speed", "fold"])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--models", nargs="+", default=["tabm", "resnet"])
    parser.add_argument("--peer", help="Python of an environment with pytabkit")
    parser.add_argument("--peers", nargs="+", default=["RealMLP", "TabM"])
    arguments = parser.parse_args()
    {"speed": speed, "fold": compare}[arguments.what](arguments)


if __name__ == "__main__":
    main()
