"""Measure what strict ingestion costs beside plain readers:
`PYTHONPATH=. python tests/bench/ingest.py`.

Each reader runs in a process of its own, so that peak memory is its own. All of them read the same
file and write Parquet with Zstandard; Lamplighter also checks, quarantines, counts and syncs.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

SCHEMA = {
    "InvoiceNo": "str",
    "StockCode": "str",
    "line": "i32",
    "Description": "str",
    "Quantity": "i32",
    "InvoiceDate": "datetime",
    "UnitPrice": "f64",
    "CustomerID": "i32",
    "Country": "str",
}
SAMPLE = Path(__file__).parents[2] / "infra" / "demo" / "retail.parquet"
YEAR_SECONDS = 365 * 24 * 3600


def make(rows: int, folder: Path) -> None:
    """Write random draws from the retail sample as CSV, NDJSON and Parquet."""
    sample = pl.read_parquet(SAMPLE)
    draw = np.random.default_rng(1)
    seconds = np.sort(draw.integers(0, YEAR_SECONDS, rows))
    moments = pl.Series(seconds * 1_000_000, dtype=pl.Int64).cast(pl.Duration("us"))
    whole = sample[draw.integers(0, sample.height, rows)].with_columns(
        InvoiceNo=pl.Series(489_434 + np.sort(draw.integers(0, rows // 20 + 1, rows))).cast(str),
        line=pl.Series(draw.integers(1, 120, rows), dtype=pl.Int32),
        Quantity=pl.Series(np.ceil(draw.lognormal(1.5, 1, rows))).cast(pl.Int32),
        UnitPrice=pl.Series(np.round(draw.lognormal(1, 1, rows), 2)),
        InvoiceDate=pl.lit(dt.datetime(2010, 1, 4)).cast(pl.Datetime("us")) + moments,
        CustomerID=sample["CustomerID"][draw.integers(0, sample.height, rows)],
        Country=sample["Country"][draw.integers(0, sample.height, rows)],
    )
    whole.write_parquet(folder / "rows.parquet")
    whole.write_csv(folder / "rows.csv", datetime_format="%Y-%m-%d %H:%M:%S")
    text = whole.with_columns(pl.col("InvoiceDate").dt.to_string("%Y-%m-%d %H:%M:%S"))
    text.write_ndjson(folder / "rows.ndjson")


def lamplighter(path: Path) -> None:
    """Land the file as the nightly run does."""
    from tasks.core.commit import open_run
    from tasks.core.store import Store
    from tasks.ingest.config import FilesConfig
    from tasks.ingest.files import read_files
    from tasks.ingest.landing import land

    source = FilesConfig.model_validate({"kind": "files", "path": path.name, "schema": SCHEMA})
    with open_run(Store(path.parent / "store"), "bench", "2010-01-04", "bench") as run:
        done = land(run, "lines", source, read_files(source, dt.date(2010, 1, 4), path.parent))
        assert done.ledger.rows_in == done.ledger.rows_out > 0


def plain_polars(path: Path) -> None:
    """Polars' own reader and writer, with the same types."""
    types = pl.read_parquet_schema(path.parent / "rows.parquet")
    target = path.parent / "plain.parquet"
    if path.suffix == ".csv":
        frame = pl.scan_csv(path, schema=types)
    elif path.suffix == ".ndjson":
        frame = pl.scan_ndjson(path, schema={**types, "InvoiceDate": pl.String}).with_columns(
            pl.col("InvoiceDate").str.to_datetime("%Y-%m-%d %H:%M:%S")
        )
    else:
        frame = pl.scan_parquet(path)
    frame.sink_parquet(target, compression="zstd", compression_level=3)


def pandas(path: Path) -> None:
    """Pandas' own reader and writer, with the same types."""
    import pandas as pd

    if path.suffix == ".csv":
        types = {n: t for n, t in _PANDAS.items() if n != "InvoiceDate"}
        frame = pd.read_csv(path, dtype=types, parse_dates=["InvoiceDate"])
    elif path.suffix == ".ndjson":
        frame = pd.read_json(path, lines=True, dtype=_PANDAS, convert_dates=["InvoiceDate"])
    else:
        frame = pd.read_parquet(path)
    frame.to_parquet(path.parent / "pandas.parquet", compression="zstd")


_PANDAS = {
    "InvoiceNo": "str",
    "StockCode": "str",
    "line": "int32",
    "Description": "str",
    "Quantity": "int32",
    "InvoiceDate": "str",
    "UnitPrice": "float64",
    "CustomerID": "Int32",
    "Country": "str",
}
IMPORTS = {
    "lamplighter": ["tasks.core.commit", "tasks.ingest.files", "tasks.ingest.landing"],
    "pandas": ["pandas", "pyarrow.parquet"],
}
READERS: dict[str, Callable[[Path], None]] = {
    "lamplighter": lamplighter,
    "plain polars": plain_polars,
    "pandas": pandas,
}


def peak_mib() -> float:
    """Peak memory of this program alone; `getrusage` would tell of the one that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measure(reader: str, path: Path) -> dict[str, float]:
    """Run one reader in a process of its own; seconds and peak memory in MiB."""
    command = [sys.executable, __file__, "--reader", reader, "--file", str(path)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(answer.stdout))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--repeat", type=int, default=3)
    arguments.add_argument("--formats", nargs="*", default=["csv", "ndjson", "parquet"])
    arguments.add_argument("--reader")
    arguments.add_argument("--file", type=Path)
    given = arguments.parse_args()
    if given.reader:
        for module in IMPORTS.get(given.reader, []):
            importlib.import_module(module)
        start, before = time.perf_counter(), time.process_time()
        READERS[given.reader](given.file)
        seconds, cpu = time.perf_counter() - start, time.process_time() - before
        peak = peak_mib()
        told = {"seconds": seconds, "cpu_seconds": cpu, "peak_mib": peak}
        print(json.dumps({**told, "process_cpu_seconds": time.process_time()}))
        return
    with tempfile.TemporaryDirectory() as name:
        make(given.rows, Path(name))
        for kind in given.formats:
            path = Path(name) / f"rows.{kind}"
            print(f"\n{kind}, {given.rows:,} rows, {path.stat().st_size / 2**20:.0f} MiB")
            runs: dict[str, list[dict[str, float]]] = {reader: [] for reader in READERS}
            for _ in range(given.repeat):  # in turn, so that all of them meet the same noise
                for reader in READERS:
                    runs[reader].append(measure(reader, path))
            for reader, of in runs.items():
                middle = {k: statistics.median(run[k] for run in of) for k in of[0]}
                print(
                    f"| {kind} | {reader} | {middle['seconds']:.2f} | "
                    f"{middle['cpu_seconds']:.2f} | {middle['process_cpu_seconds']:.2f} | "
                    f"{max(run['peak_mib'] for run in of):.0f} |",
                    flush=True,
                )
            print("load average", *(f"{load:.1f}" for load in os.getloadavg()))


if __name__ == "__main__":
    main()
