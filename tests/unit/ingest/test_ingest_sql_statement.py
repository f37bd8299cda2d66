"""A query is one statement that only reads; what is bound stays a value; names stay names."""

from __future__ import annotations

import datetime as dt
import itertools
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from sqlalchemy.engine import make_url

from tasks.core.errors import ConfigError, LamplighterError, SchemaDriftError, SourceError
from tasks.ingest.database import address, select_all
from tasks.ingest.postgresql_ranges import between
from tasks.ingest.sql import read_sql
from tasks.ingest.sql_config import SqlConfig
from tasks.ingest.sql_statement import parse
from tasks.ingest.sql_values import moments
from tests.unit.ingest.conftest import Land

ONE: dict[str, Any] = {"kind": "sql", "url": "${DB}", "schema": {"id": "i64"}}


def _values(query: str, is_mysql: bool = False) -> tuple[str, ...]:
    return parse(query, is_mysql, False, "q").values


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("select :date", ("date",)),
        ("select ':date', \":date\", `:date`", ()),
        ("select 1 -- :date", ()),
        ("select /* :date ; ' */ :since", ("since",)),
        ("select $$ :date ' $$, $a$ ; $$ $a$, :until", ("until",)),
        ("select E'it\\'s :date', :since", ("since",)),
        ("select 1::int, a[1:2], x\\:y", ()),
        ("select '10:30', :date, :date;", ("date", "date")),
    ],
)
def test_values_are_found_where_they_stand(query: str, values: tuple[str, ...]) -> None:
    assert _values(query) == values


def test_text_stays_as_it_is() -> None:
    statement = parse(r"select ':a', x\:y, 1::int, :date", False, False, "q")
    assert statement.render(lambda name: f"<{name}>") == "select ':a', x:y, 1::int, <date>\n"
    assert _values(r"select 'it\'s :date', :since # '", is_mysql=True) == ("since",)


WRITES = ["insert into t values (1)", "update t set id = 1", "delete from t", "drop table t",
          "create table x (id int)", "alter table t add c int", "truncate t", "grant all on t to p",
          "copy t to program 'id'", "vacuum", "call p()", "exec p", "set role x",
          "commit"]  # fmt: skip
FRAMES = ["{}", "select 1; {}", "select 1;\n{}; select 2", "select 1) ; {} --", "/* x */ {}",
          "select 1; -- x\n{}", "with a as ({}) select 1", "select ';'; {}", "select 1 /*! ; {} */",
          "select '1'' ; {} ; select 1", "select $$x$$; {}", "select 1\0; {}", "({})",
          "select 1 as id where '1' = '1'; {}", "with a as (select 1) {}"]  # fmt: skip
ATTACKS = [frame.format(write) for frame, write in itertools.product(FRAMES, WRITES)]


def _attack(url: str, folder: Path) -> int:
    """Run every attack as a query, and those that end the query as a table; the refused ones."""
    tables = [{"table": f"t {attack}"} for attack in ATTACKS[: 3 * len(WRITES)]]
    refused = 0
    for attack in [*({"query": attack} for attack in ATTACKS), *tables]:
        try:
            source = SqlConfig.model_validate({**ONE, **attack, "drift": "ignore"})
            list(read_sql("t", source, {"DB": SecretStr(url)}, dt.date(2010, 1, 4), folder))
        except (LamplighterError, ValidationError):
            refused += 1
    return refused


TRIED = len(ATTACKS) + 3 * len(WRITES)


def test_200_injections_leave_sqlite_as_it_was(folder: Path) -> None:
    path = folder / "d.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("create table t (id integer)")
        database.execute("insert into t values (1)")
    before = path.read_bytes()
    assert len(ATTACKS) > 200
    assert _attack("sqlite:///d.db", folder) == TRIED
    assert path.read_bytes() == before


def test_200_injections_leave_duckdb_as_it_was(folder: Path) -> None:
    with duckdb.connect(str(folder / "d.duckdb")) as database:
        database.execute("create table t as select 1 as id")
    before = (folder / "d.duckdb").read_bytes()
    assert _attack("duckdb:///d.duckdb", folder) == TRIED
    assert (folder / "d.duckdb").read_bytes() == before


@pytest.mark.slow
def test_200_injections_leave_postgresql_as_it_was(postgres: str, tmp_path: Path) -> None:
    with psycopg.connect(postgres, autocommit=True) as database:
        database.execute("create table if not exists t (id bigint)")
        tables = "select table_name, column_name from information_schema.columns order by 1, 2"
        before = database.execute(tables).fetchall()
        assert _attack(postgres, tmp_path) == TRIED
        assert database.execute(tables).fetchall() == before


def test_words_that_write_are_refused_where_no_transaction_forbids_them() -> None:
    for query in ("with a as (select 1) delete from t", "select 1 where exists (drop table t)"):
        with pytest.raises(ConfigError, match="only reads"):
            parse(query, False, True, "q")
    parse("select updated, 'delete', \"update\" from t", False, True, "q")


def test_duckdb_reads_no_other_file(folder: Path, land: Land) -> None:
    duckdb.connect(str(folder / "d.duckdb")).close()
    (folder / "secret.csv").write_text("id\n1\n")
    for what in (f"'{folder / 'secret.csv'}'", f"read_csv('{folder / 'secret.csv'}')"):
        with pytest.raises(SourceError, match="disabled"):
            land({**ONE, "query": f"select * from {what}"}, {"DB": "duckdb:///d.duckdb"})


QUOTES = {"mysql+pymysql": "``", "mssql+pyodbc": "[]"}


@given(
    st.text(st.characters(exclude_categories=["C"], exclude_characters="%."), min_size=1),
    st.sampled_from(["postgresql", "mysql+pymysql", "sqlite", "duckdb", "mssql+pyodbc"]),
)
def test_a_name_is_quoted_whatever_it_holds(name: str, backend: str) -> None:
    (piece,) = select_all(name, [name], make_url(f"{backend}://")).pieces
    opening, closing_mark = QUOTES.get(backend, '""')
    quoted = f"{opening}{name.replace(closing_mark, 2 * closing_mark)}{closing_mark}"
    assert piece.replace(quoted, "?") == "select * from ? order by ?\n" or name.isidentifier()


def test_a_table_is_read_in_the_order_of_its_key(folder: Path, land: Land) -> None:
    with closing(sqlite3.connect(folder / "d.db")) as database, database:
        database.execute('create table "my ""table" ("order" integer, b text)')
        database.execute("insert into \"my \"\"table\" values (2, 'x'), (1, 'y')")
    source = {**ONE, "table": 'my "table', "schema": {"order": "i64", "b": "str"}}
    landing = land({**source, "key": ["order"]}, {"DB": "sqlite:///d.db"})
    assert landing.rows.select("order", "b").rows() == [(1, "y"), (2, "x")]
    with pytest.raises(SchemaDriftError, match="'b' is not declared"):
        land({**ONE, "table": 'my "table', "schema": {"order": "i64"}}, {"DB": "sqlite:///d.db"})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"query": "select 1", "table": "t"},
        {"table": "a..b"},
        {"query": "drop table t"},
        {"query": "explain select 1"},
    ],
)
def test_one_query_or_one_table(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SqlConfig.model_validate({**ONE, **changes})


def test_a_missing_driver_is_named(tmp_path: Path) -> None:
    for url, package in (
        ("snowflake://u@account/db", "lamplighter[snowflake]"),
        ("bigquery://project/dataset", "lamplighter[bigquery]"),
        ("oracle://u@host/db", "lamplighter[oracle]"),
        ("mssql+pyodbc://u@host/db", "lamplighter[sqlserver]"),
    ):
        with pytest.raises(ConfigError) as caught:
            address(url, {}, tmp_path, "sources.s")
        assert package in caught.value.do


def test_the_batch_date_begins_where_the_pipeline_is() -> None:
    values = moments(dt.date(2010, 3, 28), "Europe/London")
    assert values["since"] == dt.datetime(2010, 3, 28)
    assert values["until_utc"] == dt.datetime(2010, 3, 28, 23)
    assert values["since_utc"] == dt.datetime(2010, 3, 28)


@given(
    st.integers(-(2**63), 2**63 - 1) | st.dates() | st.datetimes(),
    st.integers(0, 10**6),
    st.integers(2, 40),
)
def test_ranges_hold_every_value_once(lowest: Any, width: int, parts: int) -> None:
    try:
        step = width if isinstance(lowest, int) else dt.timedelta(days=width)
        highest = lowest + step
    except OverflowError:
        highest = lowest
    ranges = between(lowest, highest, parts)
    assert ranges[0].lower is None
    assert ranges[-1].upper is None
    assert len(ranges) <= parts
    assert all(a.upper == b.lower for a, b in itertools.pairwise(ranges))
    bounds = [part.upper for part in ranges[:-1]]
    assert all(lowest < bound <= highest for bound in bounds)
    assert bounds == sorted(set(bounds))
