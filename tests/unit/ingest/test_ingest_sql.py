"""Queries are read in one read-only snapshot, typed, and without giving secrets away."""

from __future__ import annotations

import datetime as dt
import sqlite3
import uuid
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tasks.core.errors import (
    ConfigError,
    SchemaDriftError,
    SourceError,
    SourceMissingError,
    SourceUnavailableError,
)
from tests.unit.ingest.conftest import Land

SOURCE: dict[str, Any] = {
    "kind": "sql",
    "url": "sqlite:///shop.db",
    "query": "select id, country, registered_at from customers "
    "where registered_at < :until order by id",
    "schema": {"id": "i32", "country": "str", "registered_at": "datetime"},
    "key": ["id"],
}


@pytest.fixture
def shop(folder: Path) -> Path:
    """A SQLite database of customers."""
    path = folder / "shop.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("create table customers (id integer, country text, registered_at text)")
        database.executemany(
            "insert into customers values (?, ?, ?)",
            [
                (1, "UK", "2009-12-01 00:00:00"),
                (2, "", "2010-01-04 23:59:59"),
                (3, "FR", "2010-01-05 00:00:00"),
            ],
        )
    return path


def test_rows_up_to_the_end_of_the_date_land_typed(shop: Path, land: Land) -> None:
    landing = land(SOURCE)
    assert landing.rows.rows() == [
        (1, "UK", dt.datetime(2009, 12, 1), "lines", 1),
        (2, None, dt.datetime(2010, 1, 4, 23, 59, 59), "lines", 2),
    ]
    assert landing.ledger.rows_in == 2


def test_batches_make_no_difference(shop: Path, land: Land) -> None:
    assert land({**SOURCE, "batch_rows": 1}).rows.equals(land(SOURCE).rows)


def test_a_value_of_another_type_holds_its_row_back(shop: Path, land: Land) -> None:
    with closing(sqlite3.connect(shop)) as database, database:
        database.execute("insert into customers values ('x', 'DE', '2010-01-01')")
    landing = land(SOURCE)
    assert landing.rows.height == 2
    assert landing.held["line"].to_list() == [3]
    assert landing.held["reasons"].to_list() == [
        [
            "id: 'x' is not i32 without leading zeros",
            "registered_at: '2010-01-01' is not a datetime without an offset",
        ]
    ]
    assert landing.held["raw"][0] == '{"id": "x", "country": "DE", "registered_at": "2010-01-01"}'


def test_a_missing_database_is_named_and_not_made(folder: Path, land: Land) -> None:
    with pytest.raises(SourceMissingError, match=r"shop\.db"):
        land(SOURCE)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("query", "error", "told"),
    [
        ("select * from nowhere", SourceMissingError, "no such table"),
        ("select nowhere from customers", SourceError, "no such column"),
        ("select nowhere(id) from customers", SourceError, "accepts and only reads"),
        ("select id::text from customers", SourceError, "accepts and only reads"),
        ("select from from customers", SourceError, "syntax error"),
        ("with a as (select 1) delete from customers", SourceError, "readonly|not return rows"),
        ("select id from customers where id = :id", ConfigError, ":id"),
        ("select id, country from customers", SchemaDriftError, "'registered_at' is missing"),
    ],
)
def test_a_query_that_cannot_be_is_refused(
    query: str, error: type[Exception], told: str, shop: Path, land: Land
) -> None:
    before = shop.read_bytes()
    with pytest.raises(error, match=told):
        land({**SOURCE, "query": query})
    assert shop.read_bytes() == before


def test_no_text_of_a_date_reaches_the_query_unbound(shop: Path, land: Land) -> None:
    landing = land(
        {
            **SOURCE,
            "query": "select 1 as id, :date as country, :since as registered_at",
        }
    )
    assert landing.rows.row(0)[:3] == (1, "2010-01-04", dt.datetime(2010, 1, 4))


@pytest.fixture(params=["postgresql://", "postgresql+psycopg://"])
def orders(postgres: str, request: pytest.FixtureRequest) -> str:
    """A table with PostgreSQL's types, read by ADBC and, as the address says, by psycopg."""
    with psycopg.connect(postgres, autocommit=True) as database:
        database.execute("drop table if exists orders")
        database.execute(
            "create table orders (id bigint, amount numeric(12, 2), placed timestamp, "
            "seen timestamptz, day date, at time, paid boolean, ratio double precision, ref uuid)"
        )
        database.execute("create sequence if not exists numbers")
        database.execute(
            "insert into orders select i, i + 0.25, timestamp '2010-01-04 10:00:00.5', "
            "timestamptz '2010-07-04 10:00:00+02', date '2010-01-04', time '10:00', i % 2 = 0, "
            "i / 4.0, '00000000-0000-0000-0000-000000000001' from generate_series(1, 1000) i"
        )
    return postgres.replace("postgresql://", request.param, 1)


ORDERS: dict[str, Any] = {
    "kind": "sql",
    "url": "${DB}",
    "query": "select * from orders where placed >= :since and placed < :until order by id",
    "schema": {
        "id": "i64",
        "amount": "decimal(12,2)",
        "placed": "datetime",
        "seen": {"type": "datetime", "timezone": "Europe/London"},
        "day": "date",
        "at": "time",
        "paid": "bool",
        "ratio": "f64",
        "ref": "str",
    },
    "batch_rows": 300,
}


def test_the_types_of_postgresql_land_faithfully(orders: str, land: Land) -> None:
    landing = land(ORDERS, {"DB": orders})
    assert landing.rows.height == landing.ledger.rows_in == 1000
    row = landing.rows.row(2, named=True)
    assert row["id"] == 3
    assert row["amount"] == Decimal("3.25")
    assert row["placed"] == dt.datetime(2010, 1, 4, 10, 0, 0, 500_000)
    assert row["seen"].isoformat() == "2010-07-04T09:00:00+01:00"
    assert row["day"] == dt.date(2010, 1, 4)
    assert row["at"] == dt.time(10)
    assert row["paid"] is False
    assert row["ratio"] == 0.75
    assert row["ref"] == str(uuid.UUID(int=1))
    assert row["_line"] == 3


def test_a_whole_number_too_large_for_its_type_is_held_back(orders: str, land: Land) -> None:
    source = {
        **ORDERS,
        "query": "select id from (values (1), (40000)) as t (id)",
        "schema": {"id": "i16"},
    }
    landing = land(source, {"DB": orders})
    assert landing.rows["id"].to_list() == [1]
    assert landing.held["line"].to_list() == [2]


@pytest.mark.parametrize(
    ("query", "error", "told"),
    [
        ("select * from nowhere", SourceMissingError, "does not exist"),
        ("select nowhere from orders", SourceError, "does not exist"),
        (
            "with d as (delete from orders returning *) select * from d",
            SourceError,
            "data-modifying",
        ),
        ("select nextval('numbers') as id", SourceError, "read-only"),
        ("select from from orders", SourceError, "syntax error"),
        ("select 1 / 0 as id", SourceError, "division by zero"),
    ],
)
def test_postgresql_refuses_what_is_no_reading(
    query: str, error: type[Exception], told: str, orders: str, land: Land
) -> None:
    schema = {"id": "i64"} if " as id" in query else ORDERS["schema"]
    with pytest.raises(error, match=told):
        land({**ORDERS, "query": query, "schema": schema}, {"DB": orders})
    assert land(ORDERS, {"DB": orders}).rows.height == 1000


def test_a_connection_that_breaks_half_way_leaves_nothing(orders: str, land: Land) -> None:
    source = {
        **ORDERS,
        "query": "select *, case when id = 900 then pg_terminate_backend(pg_backend_pid()) end "
        "from orders order by id",
        "drift": "ignore",
        "attempts": 1,
    }
    with pytest.raises(SourceUnavailableError, match="run again"):
        land(source, {"DB": orders})


def test_no_password_is_told(land: Land) -> None:
    url = "postgresql+psycopg://anna:${PASSWORD}@127.0.0.1:1/shop"
    with pytest.raises(SourceUnavailableError) as caught:
        land({**ORDERS, "url": url, "attempts": 1}, {"PASSWORD": "p@ss/word"})
    assert "ss/word" not in str(caught.value)
    assert "ss%2Fword" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_secret_that_was_not_given_is_named(land: Land) -> None:
    with pytest.raises(ConfigError, match=r"\$\{DB\}"):
        land(ORDERS)


@pytest.mark.parametrize("url", ["nonsense", "nonsense://x", "sqlite://", "mssql+pyodbc://x/y"])
def test_an_address_that_is_none_is_refused(url: str, land: Land) -> None:
    with pytest.raises((ConfigError, SourceMissingError)):
        land({**SOURCE, "url": url})
