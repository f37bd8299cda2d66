"""One snapshot: by several connections at once, with its rows counted, in the pipeline's zone."""

from __future__ import annotations

import datetime as dt
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from tasks.core.errors import ConfigError, SourceError, SourceUnavailableError
from tasks.ingest.pipes import LateError, Pipes
from tasks.ingest.sql import read_sql
from tasks.ingest.sql_config import SqlConfig
from tests.unit.ingest.conftest import Land

ROWS = 30_000
SOURCE: dict[str, Any] = {
    "kind": "sql",
    "url": "${DB}",
    "query": "select * from numbered order by id",
    "schema": {"id": "i64", "seen": {"type": "datetime", "timezone": "UTC"}, "day": "date"},
    "key": ["id"],
}


@pytest.fixture(scope="module")
def numbered(postgres: str) -> str:
    with psycopg.connect(postgres, autocommit=True) as database:
        database.execute(
            "create table numbered as select i::int8 * i as id, "
            "timestamptz '2010-01-01 00:00+00' + i * interval '1 minute' as seen, "
            f"case when i % 7 > 0 then date '2010-01-01' + i / 1440 end as day "
            f"from generate_series(1, {ROWS}) i"
        )
    return postgres


@pytest.mark.parametrize(
    ("column", "order"),
    [("id", "id"), ("seen", "seen"), ("day", "day nulls last, id")],
)
def test_ranges_read_at_once_give_the_table_in_order(
    column: str, order: str, numbered: str, land: Land
) -> None:
    query = f"select * from numbered order by {order}"
    whole = land({**SOURCE, "query": query}, {"DB": numbered})
    partition = {"column": column, "parts": 9, "connections": 3}
    parts = land({**SOURCE, "query": query, "partition": partition}, {"DB": numbered})
    assert parts.ledger == whole.ledger
    assert parts.rows.sort("id").drop("_line").equals(whole.rows.sort("id").drop("_line"))
    if column != "day":
        assert parts.rows.equals(whole.rows)
    again = land({**SOURCE, "query": query, "partition": partition}, {"DB": numbered})
    assert again.rows.equals(parts.rows)


def test_what_is_written_meanwhile_is_not_seen_in_any_range(numbered: str, tmp_path: Path) -> None:
    partition = {"column": "id", "parts": 12, "connections": 2}
    source = SqlConfig.model_validate({**SOURCE, "partition": partition})
    secrets = {"DB": SecretStr(numbered)}
    parts = read_sql("n", source, secrets, dt.date(2010, 1, 4), tmp_path)
    seen = next(parts).seen
    with psycopg.connect(numbered, autocommit=True) as database:
        database.execute("create table kept as select * from numbered")
        database.execute("delete from numbered where id % 2 = 0")
        database.execute(
            "insert into numbered select -i, now(), null from generate_series(1, 99) i"
        )
        try:
            assert seen + sum(part.seen for part in parts) == ROWS
        finally:
            database.execute("truncate numbered")
            database.execute("insert into numbered select * from kept")
            database.execute("drop table kept")


@pytest.mark.parametrize("column", ["nowhere", "txt"])
def test_a_column_that_cannot_be_cut_is_refused(column: str, numbered: str, land: Land) -> None:
    source = {**SOURCE, "query": "select *, 'x' as txt from numbered", "drift": "ignore"}
    with pytest.raises(ConfigError, match=column):
        land({**source, "partition": {"column": column}}, {"DB": numbered})


@pytest.mark.parametrize("url", ["sqlite:///d.db", "duckdb:///d.duckdb"])
def test_only_postgresql_is_read_in_ranges(url: str, folder: Path, land: Land) -> None:
    import duckdb

    (folder / "d.db").touch()
    duckdb.connect(str(folder / "d.duckdb")).close()
    source = {**SOURCE, "query": "select 1 as id", "schema": {"id": "i64"}}
    with pytest.raises(ConfigError, match="PostgreSQL"):
        land({**source, "partition": {"column": "id"}}, {"DB": url})


def test_a_count_that_differs_lands_nothing(numbered: str, land: Land) -> None:
    query = "select id from numbered where random() < 0.5"
    source = {**SOURCE, "query": query, "schema": {"id": "i64"}}
    with pytest.raises(SourceError, match="as many as the query has"):
        land(source, {"DB": numbered})
    assert land({**source, "verify_count": False}, {"DB": numbered}).rows.height < ROWS


@pytest.mark.parametrize("driver", ["postgresql://", "postgresql+psycopg://"])
def test_a_date_is_the_pipelines_own_in_columns_with_and_without_zone(
    driver: str, postgres: str, tmp_path: Path
) -> None:
    query = (
        "select s::text as seen, (s >= :since and s < :until)::text as aware, "
        "(s at time zone 'Asia/Tokyo' >= :since and s at time zone 'Asia/Tokyo' < :until)::text "
        "as local, (s at time zone 'UTC' >= :since_utc and s at time zone 'UTC' < :until_utc)::text"
        " as utc from unnest(array['2010-01-03 14:59:59Z', '2010-01-03 15:00Z', "
        "'2010-01-04 14:59Z', '2010-01-04 15:00Z']::timestamptz[]) s"
    )
    schema = dict.fromkeys(["seen", "aware", "local", "utc"], "str")
    source = SqlConfig.model_validate({**SOURCE, "query": query, "schema": schema, "key": []})
    secrets = {"DB": SecretStr(postgres.replace("postgresql://", driver, 1))}
    parts = list(read_sql("n", source, secrets, dt.date(2010, 1, 4), tmp_path, "Asia/Tokyo"))
    for column in ("aware", "local", "utc"):
        assert parts[0].rows[column].to_list() == ["false", "true", "true", "false"]
    assert parts[0].rows["seen"][1] == "2010-01-04 00:00:00+09"


def test_mariadb_reads_one_state_and_writes_nothing(
    mariadb: str, tmp_path: Path, land: Land
) -> None:
    url = make_url(mariadb)
    with pymysql.connect(host=url.host, port=url.port or 0, user="root", db="shop") as database:
        cursor = database.cursor()
        cursor.execute("create or replace table n (id bigint primary key, s timestamp)")
        cursor.executemany("insert into n values (%s, '2010-01-04')", [(i,) for i in range(3000)])
        database.commit()
        schema = {"id": "i64", "s": {"type": "datetime", "timezone": "UTC"}}
        query = "select * from n where s >= :since_utc order by id"
        declared = {**SOURCE, "schema": schema, "query": query, "batch_rows": 100}
        source = SqlConfig.model_validate(declared)
        parts = read_sql("n", source, {"DB": SecretStr(mariadb)}, dt.date(2009, 1, 4), tmp_path)
        seen = next(parts).seen
        cursor.execute("delete from n where id >= 1000")
        database.commit()
        assert seen + sum(part.seen for part in parts) == 3000
        with pytest.raises(SourceError, match="READ ONLY"):
            land({**declared, "query": "select nextval(q) as id from n"}
                 | {"schema": {"id": "i64"}}, {"DB": _with_sequence(cursor, mariadb)})  # fmt: skip


def _with_sequence(cursor: Any, url: str) -> str:
    cursor.execute("create or replace sequence q")
    return url


def test_a_mariadb_connection_that_is_killed_lands_nothing(mariadb: str, tmp_path: Path) -> None:
    url = make_url(mariadb)
    with pymysql.connect(host=url.host, port=url.port or 0, user="root", db="shop") as database:
        cursor = database.cursor()
        query = "select seq as id, repeat('x', 1000) as t from seq_1_to_200000"
        declared = {**SOURCE, "query": query, "schema": {"id": "i64", "t": "str"}}
        source = SqlConfig.model_validate({**declared, "batch_rows": 1000})
        parts = read_sql("n", source, {"DB": SecretStr(mariadb)}, dt.date(2009, 1, 4), tmp_path)
        next(parts)
        cursor.execute(
            "select id from information_schema.processlist where info like 'select seq%'"
        )
        (found,) = set(cursor.fetchall()) - {(database.thread_id(),)}
        cursor.execute(f"kill {found[0]}")
        with pytest.raises(SourceUnavailableError):
            list(parts)


def test_no_password_is_in_any_error_of_any_driver(tmp_path: Path) -> None:
    secret = "p@ss/word %41"
    for url in (
        "postgresql://anna:${PW}@127.0.0.1:1/shop",
        "postgresql://anna:${PW}@127.0.0.1:1/shop?sslmode=nonsense",
        "postgresql+psycopg://anna:${PW}@127.0.0.1:1/shop",
        "mysql://anna:${PW}@127.0.0.1:1/shop",
        "mariadb://anna:${PW}@127.0.0.1:1/shop",
    ):
        source = SqlConfig.model_validate({**SOURCE, "url": url})
        parts = read_sql("n", source, {"PW": SecretStr(secret)}, dt.date(2010, 1, 4), tmp_path)
        with pytest.raises(SourceError) as caught:
            list(parts)
        told = f"{url} {caught.value!r} {caught.value}"
        assert caught.value.__context__ is None
        for spelling in (secret, "ss%2Fword", "ss/word"):
            assert spelling not in told


def test_an_uneven_job_waits_its_turn_in_bounded_memory() -> None:
    taken: list[int] = []

    def reader() -> Any:
        import contextlib

        @contextlib.contextmanager
        def open_it() -> Any:
            def read(job: int) -> Any:
                for i in range(50):
                    taken.append(job)
                    yield job, i

            yield read

        return open_it()

    with Pipes([0, 1, 2], reader, 3, 30.0) as pipes:
        items = iter(pipes)
        first = next(items)
        time.sleep(0.3)
        assert max(taken.count(job) for job in (1, 2)) <= 6
        assert [first, *items] == [(job, i) for job in (0, 1, 2) for i in range(50)]


def test_a_reader_that_hangs_ends_at_the_deadline() -> None:
    release = threading.Event()

    def reader() -> Any:
        import contextlib

        return contextlib.nullcontext(lambda job: iter(release.wait, True))

    with pytest.raises(LateError), Pipes([0], reader, 1, 0.2) as pipes:
        list(pipes)
    release.set()
