"""What drift of a large night costs, beside pandas and scipy as monitoring libraries use them.

    python -m tests.bench.drift --rows 1_000_000 --features 100

Both read the same Parquet file. The peer does what Evidently and its like do for each column: it
holds the training rows themselves, cuts both samples at the training's deciles for the index, and
asks scipy for the Wasserstein distance and Kolmogorov-Smirnov. It is written here by hand: no such
library is a dependency. Each runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

PEERS = ("lamplighter", "pandas and scipy")
TRAINING_ROWS = 200_000


def make(folder: Path, rows: int, features: int) -> None:
    """A training and a night: half of the features continuous, a quarter counts, a quarter few."""
    for name, count, seed in (("training", TRAINING_ROWS, 0), ("night", rows, 1)):
        generator = np.random.default_rng(seed)
        pl.DataFrame(
            {
                f"f{j}": (
                    generator.gamma(2, 10, count)
                    if j % 4 < 2
                    else generator.poisson(40, count)
                    if j % 4 == 2
                    else generator.integers(0, 8, count)
                ).astype(np.float32)
                for j in range(features)
            }
        ).write_parquet(folder / f"{name}.parquet")


def lamplighter(folder: Path) -> tuple[float, float, int]:
    from tasks.models import baseline
    from tasks.monitor.config import DriftConfig
    from tasks.monitor.drift import measure, to_frame

    training = pl.read_parquet(folder / "training.parquet")
    nights = np.repeat(np.arange(50.0), TRAINING_ROWS // 50)
    known = baseline.load(
        baseline.save({column.name: baseline.fit(column.to_numpy(), nights) for column in training})
    )
    del training
    wall, cpu = time.perf_counter(), time.process_time()
    night = pl.scan_parquet(folder / "night.parquet")
    rows, config, asked = [], DriftConfig(), len(known)
    for start in range(0, asked, 16):
        names = [f"f{j}" for j in range(start, min(start + 16, asked))]
        rows += [
            measure(column.name, "feature", column.to_numpy(), known[column.name], config, asked)
            for column in night.select(names).collect()
        ]
    frame = to_frame(rows)
    return time.perf_counter() - wall, time.process_time() - cpu, frame.height


def pandas_and_scipy(folder: Path) -> tuple[float, float, int]:
    import pandas as pd
    from scipy.stats import ks_2samp, wasserstein_distance

    wall, cpu = time.perf_counter(), time.process_time()
    training = pd.read_parquet(folder / "training.parquet")
    night = pd.read_parquet(folder / "night.parquet")
    rows = []
    for name in training.columns:
        edges = np.unique(training[name].quantile(np.arange(1, 10) / 10))
        edges = np.concatenate([[-np.inf], edges, [np.inf]])
        shares = [
            pd.cut(part[name], edges).value_counts(sort=False, normalize=True).clip(1e-3)
            for part in (night, training)
        ]
        rows.append(
            {
                "psi": float(((shares[0] - shares[1]) * np.log(shares[0] / shares[1])).sum()),
                "wasserstein": wasserstein_distance(night[name], training[name]),
                "ks": ks_2samp(night[name], training[name], method="asymp").statistic,
            }
        )
    return time.perf_counter() - wall, time.process_time() - cpu, len(pd.DataFrame(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=100)
    parser.add_argument("--peer", choices=PEERS)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    if asked.peer:
        run = lamplighter if asked.peer == PEERS[0] else pandas_and_scipy
        wall, cpu, rows = run(asked.folder)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps([wall, cpu, rows, peak]))
        return
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), asked.rows, asked.features)
        print("| peer | features | wall s | cpu s | peak MB |\n|---|---|---|---|---|")
        for peer in PEERS:
            done = subprocess.run(
                [sys.executable, "-m", "tests.bench.drift", "--peer", peer, "--folder", folder],
                check=True,
                capture_output=True,
                text=True,
            )
            wall, cpu, rows, peak = json.loads(done.stdout)
            print(f"| {peer} | {rows} | {wall:.2f} | {cpu:.2f} | {peak:,.0f} |")


if __name__ == "__main__":
    main()
