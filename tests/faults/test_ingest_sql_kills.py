"""Kill -9 in the middle of a landing, the process or the server: all rows in the end, or none.

`pytest -m slow -s tests/faults/test_ingest_sql_kills.py` prints what ten million rows take.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import psycopg
import pyarrow.parquet as pq
import pytest

from tests.unit.ingest import databases

ROOT = Path(__file__).parents[2]
UNAVAILABLE = 3
KILLED = -9
MOST_MIB = 1024
BLOCK_ROWS = 50_000
TABLE = """
create table events as select i::int8 as id, (i::int8 * 7919 % 100000)::int4 as customer,
    (i % 1000000)::numeric(12,2) / 100 as amount, i / 8.0::float8 as ratio,
    timestamp '2010-01-01' + i * interval '1 second' as placed,
    timestamptz '2010-01-01 00:00+00' + i * interval '1 second' as seen,
    date '2010-01-01' + (i % 365)::int4 as day, i % 3 = 0 as paid,
    (array['United Kingdom', 'France', 'Germany', 'EIRE'])[i % 4 + 1] as country,
    case when i % 10 = 0 then null else 'order é ' || i end as note,
    md5(i::text)::uuid as ref, decode(md5((-i)::text), 'hex') as token
from generate_series(1, {rows}) i
"""
# What a row says, told by PostgreSQL and by Polars, each in its own words.
TOLD = """
select md5(string_agg(concat_ws('|', id, customer, amount::numeric(12,2), (ratio * 8)::int8,
    to_char(placed, 'YYYY-MM-DD HH24:MI:SS'),
    to_char(seen at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
    day, paid::text, country, coalesce(note, '-'), ref, encode(token, 'hex')), e'\\n' order by id))
from events group by (id - 1) / {block} order by (id - 1) / {block}
"""


@dataclass(frozen=True)
class Landing:
    """A landing that runs in a process of its own.

    Args:
        process: the process.
        store: where it lands.
    """

    process: subprocess.Popen[str]
    store: Path

    def watch(self, size: float = math.inf) -> int:
        """Wait until it has written so many bytes, or ends.

        Returns:
            The most memory it had meanwhile, in MiB. Its own `ru_maxrss` would begin with what
            this process had when it started that one.
        """
        watched, peak = psutil.Process(self.process.pid), 0
        while self.process.poll() is None and self._written() < size:
            with contextlib.suppress(psutil.NoSuchProcess):
                peak = max(peak, watched.memory_info().rss)
            time.sleep(0.02)
        return peak >> 20

    def _written(self) -> int:
        sizes = 0
        for file in self.store.rglob("*.parquet"):
            with contextlib.suppress(FileNotFoundError):
                sizes += file.stat().st_size
        return sizes

    def end(self) -> tuple[int, str, str]:
        """Wait for its end: exit code, output, errors."""
        out, err = self.process.communicate(timeout=3600)
        return self.process.returncode, out, err


def start(store: Path, url: str) -> Landing:
    words = [sys.executable, "-m", "tests.faults.sql_child", str(store), url]
    pipe = subprocess.PIPE
    return Landing(subprocess.Popen(words, cwd=ROOT, stdout=pipe, stderr=pipe, text=True), store)


def land(store: Path, url: str) -> dict[str, Any]:
    landing = start(store, url)
    peak = landing.watch()
    code, out, err = landing.end()
    assert code == 0, err
    return {**json.loads(out), "peak_mib": peak}


def published(store: Path) -> list[Path]:
    return [path for path in store.rglob("*.parquet") if "staging" not in path.parts]


@contextlib.contextmanager
def filled(rows: int) -> Iterator[Any]:
    with databases.postgresql() as server:
        with psycopg.connect(server.get_uri(), autocommit=True) as database:
            database.execute(TABLE.format(rows=rows))
            database.execute("alter table events add primary key (id)")
            database.execute("vacuum analyze events")
            database.execute("checkpoint")
        yield server


def told_by_the_database(url: str) -> list[str]:
    with psycopg.connect(url) as database:
        return [digest for (digest,) in database.execute(TOLD.format(block=BLOCK_ROWS))]


def told_by_the_table(path: Path) -> list[str]:
    def tell(batch: pl.DataFrame) -> str:
        moment = "%Y-%m-%d %H:%M:%S"
        words = (
            pl.col("id", "customer", "amount"),
            (pl.col("ratio") * 8).cast(pl.Int64),
            pl.col("placed", "seen").dt.strftime(moment),
            pl.col("day", "paid", "country"),
            pl.col("note").fill_null("-"),
            pl.col("ref"),
            pl.col("token").bin.encode("hex"),
        )
        lines = batch.select(pl.concat_str(*words, separator="|")).to_series()
        return hashlib.md5("\n".join(lines).encode(), usedforsecurity=False).hexdigest()

    with pq.ParquetFile(path) as file:
        batches = file.iter_batches(BLOCK_ROWS)
        return [tell(pl.DataFrame(batch)) for batch in batches]


def kill_in_the_middle(rows: int, folder: Path, *killed: str) -> dict[str, Any]:
    """Land a table undisturbed, and over what is killed: the process, the server.

    Returns:
        What the landing took: `cpu` seconds and `peak_mib`.
    """
    with filled(rows) as server:
        url = server.get_uri()
        whole = land(folder / "whole", url)
        table = folder / "whole" / whole["uri"]
        assert whole["rows"] == rows
        assert told_by_the_table(table) == told_by_the_database(url)
        peaks = [int(whole["peak_mib"])]
        kills: dict[str, tuple[Callable[[Landing], None], int]] = {
            "process": (lambda landing: landing.process.kill(), KILLED),
            "server": (lambda _: databases.kill(server), UNAVAILABLE),
        }
        for name in killed:
            kill, code = kills[name]
            landing = start(folder / name, url)
            peaks.append(landing.watch(table.stat().st_size // 2))
            kill(landing)
            ended, _, err = landing.end()
            assert ended == code, err
            assert published(folder / name) == []
            server.ensure_postgres_running()
            again = land(folder / name, url)
            peaks.append(int(again["peak_mib"]))
            assert (again["rows"], again["sha256"]) == (rows, whole["sha256"])
            assert [path.stat().st_size for path in published(folder / name)] == [
                table.stat().st_size
            ]
        assert max(peaks) < MOST_MIB
        return {"rows": rows, "cpu": round(whole["cpu"], 1), "peaks_mib": peaks}


def test_a_kill_in_the_middle_loses_and_doubles_nothing(tmp_path: Path) -> None:
    kill_in_the_middle(300_000, tmp_path, "process")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_kill_in_the_middle_of_ten_million_rows(tmp_path: Path) -> None:
    print(kill_in_the_middle(10_000_000, tmp_path, "process", "server"))
