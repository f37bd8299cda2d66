"""Time and memory of preparation beside scikit-learn's transformers, each in a process of its own.

    python -m tests.bench.prepare --rows 2_000_000

Prints a markdown table. The rows have 20 columns: 14 floats with gaps and heavy tails, two whole
numbers, four texts. scikit-learn treats the 16 numeric ones; the stage treats all, and reads,
orders, de-duplicates and writes the rows as well.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl

from tasks.core.artifacts import Parts, Valid
from tasks.core.commit import open_run
from tasks.core.event import EventConfig
from tasks.core.results import Divided, PreparedTable
from tasks.core.run import Run
from tasks.core.store import Store, table_uri
from tasks.features.config import FeaturesConfig
from tasks.features.inputs import Inputs
from tasks.features.task import build_features
from tasks.prepare.apply import apply
from tasks.prepare.config import PrepareConfig
from tasks.prepare.fit import fit
from tasks.prepare.task import fit_preparation, prepare

EVENT = EventConfig(table="lines", key=("id",), time="at", entities=("who",))


class _Clock:
    """Measures from when it is made."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()


NUMERIC: dict[str, object] = {
    "outliers": {"numeric": "iqr"},
    "missing": {"numeric": "median"},
    "scaling": {"numeric": "standard"},
}
NORMAL: dict[str, object] = {"scaling": {"numeric": "quantile_normal"}}
WHOLE = NUMERIC | {
    "categories": {"text": {"share": 0.001}},
    "missing": {"numeric": {"method": "median", "indicator": True}, "text": "mode"},
}
CARRIED: dict[str, object] = {
    "missing": {"numeric": {"method": "forward", "by": "who", "within": "30d"}}
}
FEATURES = FeaturesConfig.model_validate(
    [
        {"family": "columns", "columns": [f"x{j}" for j in range(14)], "log": ["n0", "n1"]},
        {"family": "calendar", "parts": ["hour", "weekday"]},
        {
            "family": "history",
            "entity": "who",
            "windows": ["1h", "1d"],
            "values": ["x0"],
            "statistics": ["count", "mean", "max", "since_last"],
        },
    ]
)
DAY = dt.date(2024, 1, 1)
CHUNK = 1_000_000


def write_rows(path: Path, n_rows: int) -> None:
    """Write the rows as one Parquet file for each million."""
    for number, start in enumerate(range(0, n_rows, CHUNK)):
        n = min(CHUNK, n_rows - start)
        generator = np.random.default_rng(number)
        at = pl.lit(DAY).cast(pl.Datetime("us")) + pl.duration(milliseconds=8 * pl.col("id"))
        floats = {f"x{j}": generator.standard_t(3, n) * (1 + j) for j in range(14)}
        whole = {f"n{j}": generator.poisson(3 + j, n) for j in range(2)}
        words = np.array([f"w{j}" for j in range(2000)])
        texts = {f"t{j}": words[generator.zipf(1.6, n) % 2000] for j in range(4)}
        frame = pl.DataFrame({"id": np.arange(start, start + n)} | floats | whole | texts)
        gaps = [pl.when(pl.Series(generator.random(n) > 0.05)).then(c).alias(c) for c in floats]
        gaps += [pl.when(pl.Series(generator.random(n) > 0.02)).then(c).alias(c) for c in texts]
        who = pl.Series("who", generator.integers(0, 50_000, n))
        rows = frame.with_columns(*gaps, at.alias("at"), who)
        rows.write_parquet(path / f"{number}.parquet")


def numeric(path: Path) -> pl.LazyFrame:
    """The numeric columns, for those that do no more."""
    return pl.scan_parquet(path / "*.parquet").select(r"^[xn]\d+$")


def run_own(path: Path) -> _Clock | None:
    """Learn fences, medians and scales, and apply them."""
    _learn_and_apply(numeric(path).collect(), NUMERIC)


def run_own_normal(path: Path) -> _Clock | None:
    """Learn 1,000 quantiles of each column, and apply them."""
    _learn_and_apply(numeric(path).collect(), NORMAL)


def run_own_forward(path: Path) -> _Clock | None:
    """Fill forward by entity."""
    columns = pl.col(r"^x\d+$"), "id", "at", "who"
    _learn_and_apply(pl.scan_parquet(path / "*.parquet").select(columns).collect(), CARRIED)


def run_sklearn(path: Path) -> _Clock | None:
    """The same by scikit-learn; its fences by hand, as it has none."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    table = numeric(path).collect().to_numpy().astype(np.float64)
    low, high = np.nanpercentile(table, [25, 75], axis=0)
    table = np.clip(table, low - 1.5 * (high - low), high + 1.5 * (high - low))
    filled = SimpleImputer(strategy="median").fit_transform(table)
    StandardScaler().fit_transform(filled)


def run_sklearn_normal(path: Path) -> _Clock | None:
    """The same by scikit-learn, on all rows as well."""
    from sklearn.preprocessing import QuantileTransformer

    table = numeric(path).collect().to_numpy().astype(np.float64)
    scaler = QuantileTransformer(n_quantiles=1000, output_distribution="normal", subsample=None)
    scaler.fit_transform(table)


def run_stage(path: Path) -> _Clock | None:
    """Both stages whole: order, duplicates, all 20 columns, learned and written."""
    config = PrepareConfig.model_validate(WHOLE)
    with (
        tempfile.TemporaryDirectory() as folder,
        open_run(Store(Path(folder)), "p", str(DAY), "a") as run,
    ):
        rows = pl.scan_parquet(path / "*.parquet").with_columns(
            _source=pl.lit("f"), _line=pl.int_range(1, pl.len() + 1)
        )
        tables = [run.write_table(Valid, rows, table_uri("valid", "p", "lines", str(DAY)))]
        none = pl.DataFrame(schema={"event_id": pl.String, "part": pl.String})
        parts = run.write_table(Parts, none, table_uri("parts", "p", "parts", str(DAY)))
        clock = _Clock()  # what was written for the stage is no part of it
        learned = fit_preparation(run, config, EVENT, tables, Divided(parts))
        made = prepare(run, config, learned, EVENT, tables, (DAY, DAY))
        assert made.table.rows == made.ledger[0].rows_in
        return clock


def run_night(path: Path) -> _Clock | None:
    """A night of so many rows, by what was learned from the first 100,000 of them."""
    with _prepared(path) as (_, _, clock):
        return clock


def run_features(path: Path) -> _Clock | None:
    """The features of that night, once it is prepared."""
    with _prepared(path) as (run, made, _):
        Path("/proc/self/clear_refs").write_text("5")
        clock = _Clock()
        built = build_features(run, FEATURES, EVENT, Inputs((made.table,)), (DAY, DAY))
        assert built.table.rows == made.table.rows
        return clock


@contextlib.contextmanager
def _prepared(path: Path) -> Iterator[tuple[Run, PreparedTable, _Clock]]:
    config = PrepareConfig.model_validate(WHOLE)
    with (
        tempfile.TemporaryDirectory() as folder,
        open_run(Store(Path(folder)), "p", str(DAY), "a") as run,
    ):
        rows = pl.scan_parquet(path / "*.parquet")
        learned = fit(rows.head(100_000).collect().lazy(), config, EVENT)
        landed = rows.with_columns(_source=pl.lit("f"), _line=pl.int_range(1, pl.len() + 1))
        tables = [run.write_table(Valid, landed, table_uri("valid", "p", "lines", str(DAY)))]
        Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
        clock = _Clock()
        made = prepare(run, config, learned, EVENT, tables, (DAY, DAY))
        assert made.table.rows == made.ledger[0].rows_in
        yield run, made, clock


def peak_mb() -> float:
    """The largest resident memory since the process began, or since it was last cleared."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


PEERS: dict[str, Callable[[Path], _Clock | None]] = {
    "fences, medians, standard scale: scikit-learn": run_sklearn,
    "fences, medians, standard scale: this": run_own,
    "1,000 quantiles to normal: scikit-learn": run_sklearn_normal,
    "1,000 quantiles to normal: this": run_own_normal,
    "forward by 50,000 entities, 14 columns: this": run_own_forward,
    "whole stage, learned and written, 20 columns: this": run_stage,
    "a night, ordered, treated and written, 20 columns: this": run_night,
    "its 26 features built and written: this": run_features,
}


def _learn_and_apply(rows: pl.DataFrame, keys: dict[str, object]) -> None:
    learned = fit(rows.lazy(), PrepareConfig.model_validate(keys), EVENT)
    apply(rows.lazy(), learned, EVENT).collect()


def measure(peer: str, path: Path) -> dict[str, float]:
    """Run a peer in this process and say what it cost."""
    clock = _Clock()
    clock = PEERS[peer](path) or clock
    return {
        "wall": time.perf_counter() - clock.wall,
        "cpu": time.process_time() - clock.cpu,
        "peak": peak_mb(),
    }


def main() -> None:
    """Measure every peer apart, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=lambda text: int(text.replace("_", "")), default=2_000_000)
    parser.add_argument("--peer", choices=PEERS)
    parser.add_argument("--path", type=Path)
    parser.add_argument("--only", default="", help="peers whose name has this text")
    asked = parser.parse_args()
    if asked.peer:
        print(json.dumps(measure(asked.peer, asked.path)))
        return
    print("| task | wall s | cpu s | peak MB |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        write_rows(Path(folder), asked.rows)
        for peer in (name for name in PEERS if asked.only in name):
            command = [
                sys.executable,
                "-m",
                "tests.bench.prepare",
                "--peer",
                peer,
                "--path",
                folder,
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout)
            print(f"| {peer} | {found['wall']:.2f} | {found['cpu']:.2f} | {found['peak']:,.0f} |")


if __name__ == "__main__":
    main()
