"""Measure reading a paged HTTP API: `python -m tests.bench.http_pages`.

The API is a process of its own on loopback (`http_server.py`), each reader too, so that peak memory
is its own. All of them read the same pages and write one Parquet file; Lamplighter also checks each
value against the declared schema, looks for repeated pages and keys, holds the count to the
declared total, and syncs. dlt takes part where it is installed; it is no dependency.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LOOP = "httpx and Polars, a loop"
SERVER = Path(__file__).with_name("http_server.py")


def lamplighter(url: str, folder: Path, concurrency: int = 32) -> int:
    """Land the API as the nightly run does."""
    import datetime as dt

    from tasks.core.commit import open_run
    from tasks.core.store import Store
    from tasks.ingest.http import read_http
    from tasks.ingest.http_config import HttpConfig
    from tasks.ingest.landing import land
    from tests.bench.http_server import SCHEMA

    source = HttpConfig.model_validate(
        {
            "kind": "http",
            "url": url,
            "records": "/items",
            "total": "/total",
            "pagination": {"kind": "page"},
            "concurrency": concurrency,
            "schema": SCHEMA,
            "key": ["id"],
        }
    )
    with open_run(Store(folder / "store"), "bench", "2010-01-04", "bench") as run:
        parts = read_http(source, {}, dt.date(2010, 1, 4), "sources.items", folder)
        return land(run, "items", source, parts).ledger.rows_out


def one_at_a_time(url: str, folder: Path) -> int:
    """Lamplighter with concurrency: 1, its default."""
    return lamplighter(url, folder, 1)


def httpx_loop(url: str, folder: Path) -> int:
    """What one writes by hand: page after page with httpx, rows by Polars."""
    import httpx
    import polars as pl

    frames: list[pl.DataFrame] = []
    total = 0
    with httpx.Client() as client:
        while not frames or sum(map(len, frames)) < total:
            answer = client.get(url, params={"page": len(frames) + 1}).raise_for_status().json()
            total = answer["total"]
            frames.append(pl.DataFrame(answer["items"]))
    rows = pl.concat(frames).with_columns(pl.col("updated_at").str.to_datetime())
    rows.write_parquet(folder / "rows.parquet")
    return rows.height


def requests_loop(url: str, folder: Path) -> int:
    """The same with requests and pandas."""
    import pandas as pd
    import requests

    frames: list[pd.DataFrame] = []
    total = 0
    with requests.Session() as session:
        while not frames or sum(map(len, frames)) < total:
            answer = session.get(url, params={"page": str(len(frames) + 1)}, timeout=30)
            answer.raise_for_status()
            total = answer.json()["total"]
            frames.append(pd.DataFrame(answer.json()["items"]))
    rows = pd.concat(frames)
    rows["updated_at"] = pd.to_datetime(rows["updated_at"])
    rows.to_parquet(folder / "rows.parquet")
    return len(rows)


def dlt_rest(url: str, folder: Path) -> int:
    """dlt's REST client, its pages loaded as Parquet files."""
    import dlt
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator

    base, path = url.rsplit("/", 1)
    client = RESTClient(base, paginator=PageNumberPaginator(base_page=1, total_path=None))
    seen = 0

    @dlt.resource(name="items")
    def items() -> Iterator[list[object]]:
        nonlocal seen
        for page in client.paginate(path, data_selector="items"):
            if not page:
                break
            seen += len(page)
            yield page

    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=str(folder / "dlt"),
        destination=dlt.destinations.filesystem(str(folder / "loaded")),
    )
    pipeline.run(items(), loader_file_format="parquet")
    return seen


READERS: dict[str, Callable[[str, Path], int]] = {
    "lamplighter, concurrency 32": lamplighter,
    "lamplighter, concurrency 1": one_at_a_time,
    LOOP: httpx_loop,
    "requests and pandas, a loop": requests_loop,
}
if importlib.util.find_spec("dlt"):
    READERS["dlt"] = dlt_rest


_OWN = ("tasks.core.commit", "tasks.ingest.http", "tasks.ingest.landing", "tests.bench.http_server")
_IMPORTS = {
    "lamplighter, concurrency 32": _OWN,
    "lamplighter, concurrency 1": _OWN,
    LOOP: ("httpx", "polars"),
    "requests and pandas, a loop": ("requests", "pandas", "pyarrow.parquet"),
    "dlt": ("dlt", "dlt.sources.helpers.rest_client", "pyarrow.parquet"),
}


@contextmanager
def running(pages: int, size: int, delay_seconds: float) -> Iterator[str]:
    """The API's address while the block runs."""
    command = [sys.executable, str(SERVER), str(pages), str(size), str(delay_seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}/items"
        finally:
            server.kill()


def measure(reader: str, url: str, expected: int) -> dict[str, float]:
    """Run one reader in a process of its own; seconds and peak memory in MiB."""
    command = [sys.executable, "-m", "tests.bench.http_pages", "--reader", reader, "--url", url]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures = json.loads(answer.stdout.splitlines()[-1])
    assert figures["rows"] == expected, (reader, figures)
    return dict(figures)


def read_once(reader: str, url: str) -> None:
    """Print what one reading costs, the imports aside."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for module in _IMPORTS[reader]:
            importlib.import_module(module)
        start, cpu = time.perf_counter(), time.process_time()
        rows = READERS[reader](url, folder)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "seconds": seconds, "cpu_seconds": cpu, "peak_mib": peak}))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pages", type=int, default=1_000)
    arguments.add_argument("--size", type=int, default=1_000)
    arguments.add_argument("--delay", type=float, default=0.020, help="seconds")
    arguments.add_argument("--repeat", type=int, default=3)
    arguments.add_argument("--readers", nargs="*", choices=READERS, default=list(READERS))
    arguments.add_argument("--reader")
    arguments.add_argument("--url")
    given = arguments.parse_args()
    if given.reader:
        read_once(given.reader, given.url)
        return
    print(f"{given.pages:,} pages of {given.size:,} records, {given.delay * 1000:.0f} ms each")
    with running(given.pages, given.size, given.delay) as url:
        runs: dict[str, list[dict[str, float]]] = {reader: [] for reader in given.readers}
        for _ in range(given.repeat):  # in turn, so that all of them meet the same noise
            for reader in given.readers:
                runs[reader].append(measure(reader, url, given.pages * given.size))
    loop = statistics.median(run["seconds"] for run in runs[LOOP]) if LOOP in runs else math.nan
    for reader, of in runs.items():
        seconds = statistics.median(run["seconds"] for run in of)
        cpu = statistics.median(run["cpu_seconds"] for run in of)
        peak = max(run["peak_mib"] for run in of)
        print(
            f"{reader:>28}: {seconds:6.2f} s {cpu:6.2f} s of CPU {peak:5.0f} MiB; "
            f"{loop / seconds:5.1f} times the loop's speed"
        )


if __name__ == "__main__":
    main()
