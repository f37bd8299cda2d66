"""Each database's types land as the declared ones, exactly, or hold their rows back."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pymysql
import pytest
from sqlalchemy.engine import make_url

from tasks.core.errors import SchemaDriftError
from tests.unit.ingest.conftest import Land

UTC = dt.UTC
LONDON = {"type": "datetime", "timezone": "Europe/London"}
SUMMER = dt.datetime(2010, 7, 4, 8, 0, tzinfo=UTC)
BEYOND = "infinite, or beyond the years 1 to 9999"
A_UUID = "00000000-0000-0000-0000-00000000002a"

# expression, declared type, the value that lands
POSTGRESQL: list[tuple[str, Any, Any]] = [
    ("32767::int2", "i16", 32767),
    ("2147483647::int4", "i32", 2**31 - 1),
    ("9223372036854775807::int8", "i64", 2**63 - 1),
    ("4294967295::oid", "i64", 2**32 - 1),
    ("5::int8", "f64", 5.0),
    ("5::int8", "decimal(12,2)", Decimal("5.00")),
    ("1.5::float4", "f32", 1.5),
    ("0.1::float8", "f64", 0.1),
    ("1.25::numeric(12,2)", "decimal(12,2)", Decimal("1.25")),
    ("1.2500::numeric", "decimal(12,2)", Decimal("1.25")),
    ("-0.01::numeric", "decimal(12,2)", Decimal("-0.01")),
    ("12345678901234567890123456789012345678::numeric", "decimal(38,0)",
     Decimal("12345678901234567890123456789012345678")),
    ("7.00::numeric", "i32", 7),
    ("7.25::numeric", "f64", 7.25),
    ("'12.34'::money::numeric", "decimal(12,2)", Decimal("12.34")),
    ("'x '::text", "str", "x "),
    ("'x'::varchar(3)", "str", "x"),
    ("'x'::char(3)", "str", "x  "),
    ("null::text", "str", None),
    ("null", "i32", None),
    ("true", "bool", True),
    ("date '0001-01-01'", "date", dt.date(1, 1, 1)),
    ("date '9999-12-31'", "date", dt.date(9999, 12, 31)),
    ("date '2010-01-04'", "datetime", dt.datetime(2010, 1, 4)),
    ("date '2010-07-04'", LONDON, dt.datetime(2010, 7, 3, 23, tzinfo=UTC)),
    ("timestamp '2010-01-04 10:00:00.123456'", "datetime",
     dt.datetime(2010, 1, 4, 10, 0, 0, 123456)),
    ("timestamp '2010-01-04'", "date", dt.date(2010, 1, 4)),
    ("timestamptz '2010-07-04 10:00+02'", LONDON, SUMMER),
    ("timestamp '2010-07-04 09:00'", LONDON, SUMMER),
    ("time '10:00:00.5'", "time", dt.time(10, 0, 0, 500_000)),
    (f"uuid '{A_UUID}'", "str", A_UUID),
    ("'{\"b\": 1,  \"a\": 2}'::json", "str", '{"b": 1,  "a": 2}'),
    ("'{\"b\": 1, \"a\": 2}'::jsonb", "str", '{"a": 2, "b": 1}'),
    ("'sad'::mood", "str", "sad"),
    ("array[1, null, 3]", "str", "[1,null,3]"),
    ("array[1, null, 3]", "list(i32)", [1, None, 3]),
    ("array['a', null]", "list(str)", ["a", None]),
    ("array[[1, 2], [3, 4]]", "array(i32, 2, 2)", [[1, 2], [3, 4]]),
    ("array[[1, 2], [3, 4]]", "str", "[[1,2],[3,4]]"),
    ("array['sad'::mood]", "str", '["sad"]'),
    ("row(1, 'a')", "str", '{"f1":1,"f2":"a"}'),
    ("interval '1 month 2 days 3 seconds'", "str", "P1M2DT3S"),
    ("inet '10.0.0.1'", "str", "10.0.0.1"),
    ("B'101'", "str", "101"),
    ("int4range(1, 5)", "str", "[1,5)"),
    ("timetz '10:00+02'", "str", "10:00:00+02"),
]  # fmt: skip
POSTGRESQL_HELD: list[tuple[str, Any, str]] = [
    ("40000::int4", "i16", "40000"),
    ("-1::int4", "u32", "-1"),
    ("9007199254740993::int8", "f64", "9007199254740993"),
    ("1.255::numeric", "decimal(12,2)", "1.255"),
    ("12345678901.25::numeric", "decimal(12,2)", "12345678901.25"),
    ("'NaN'::numeric", "decimal(12,2)", "nan"),
    ("7.25::numeric", "i32", "7.25"),
    ("array[1, 300]", "list(u8)", "[1,300]"),
    ("'NaN'::float8", "f64", "NaN"),
    ("'-Infinity'::float8", "f64", "-Infinity"),
    ("1e300::float8", "f32", "1e+300"),
    ("date 'infinity'", "date", BEYOND),
    ("date '-infinity'", "date", BEYOND),
    ("timestamp '-infinity'", "datetime", BEYOND),
    ("timestamptz 'infinity'", LONDON, BEYOND),
    ("timestamp '20000-01-01'", "datetime", BEYOND),
    ("timestamp '2010-01-04 00:00:01'", "date", "2010-01-04 00:00:01"),
    ("timestamp '2010-03-28 01:30'", LONDON, "2010-03-28 01:30:00"),
    ("timestamp '2010-10-31 01:30'", LONDON, "2010-10-31 01:30:00"),
]
POSTGRESQL_OTHER_KINDS: list[tuple[str, str]] = [
    ("'5'::text", "i32"),
    ("5::int4", "str"),
    ("true", "i32"),
    ("1::int4", "bool"),
    ("timestamptz '2010-07-04 10:00+02'", "datetime"),
    ("1.5::numeric", "str"),
    ("1::int4", "date"),
]


@pytest.fixture(scope="module")
def moods(postgres: str) -> str:
    with psycopg.connect(postgres, autocommit=True) as database:
        database.execute("create type mood as enum ('sad', 'glad')")
    return postgres


def _source(expressions: list[str], types: list[Any]) -> dict[str, Any]:
    columns = [f"c{i}" for i in range(len(types))]
    selected = ", ".join(f"{e} as {c}" for e, c in zip(expressions, columns, strict=True))
    return {
        "kind": "sql",
        "url": "${DB}",
        "query": f"select {selected}",
        "schema": dict(zip(columns, types, strict=True)),
    }


def _check_landing(cases: list[tuple[str, Any, Any]], url: str, land: Land) -> None:
    expressions, types, expected = map(list, zip(*cases, strict=True))
    landing = land(_source(expressions, types), {"DB": url})
    assert landing.held.rows() == []
    found = dict(zip(expressions, landing.rows.row(0), strict=False))
    assert found == dict(zip(expressions, expected, strict=True))
    assert [str(type(v)) for v in landing.rows.row(0)[:-2]] == [str(type(v)) for v in expected]


def _check_held(cases: list[tuple[str, Any, str]], url: str, land: Land) -> None:
    expressions, types, shown = map(list, zip(*cases, strict=True))
    landing = land(_source(expressions, types), {"DB": url})
    assert landing.rows.height == 0
    assert [reason.split(":")[0] for reason in landing.held["reasons"][0]] == [
        f"c{i}" for i in range(len(cases))
    ]
    # Numbers are kept with all their digits, more than a float has.
    raw = json.loads(landing.held["raw"][0], parse_float=Decimal)
    assert [str(raw[f"c{i}"]).upper() for i in range(len(cases))] == [
        told.replace("-Infinity", "-inf").upper() for told in shown
    ]


def test_the_types_of_postgresql_land(moods: str, land: Land) -> None:
    _check_landing(POSTGRESQL, moods, land)


def test_values_of_postgresql_that_do_not_fit_are_held_back(moods: str, land: Land) -> None:
    _check_held(POSTGRESQL_HELD, moods, land)


@pytest.mark.parametrize(("expression", "declared"), POSTGRESQL_OTHER_KINDS)
def test_a_column_of_another_kind_stops_the_run(
    expression: str, declared: str, moods: str, land: Land
) -> None:
    with pytest.raises(SchemaDriftError, match="Cast it in the query"):
        land(_source([expression], [declared]), {"DB": moods})


def test_new_columns_of_postgresql_come_as_text(moods: str, land: Land) -> None:
    source = _source(["1"], ["i32"])
    query = "select 1 as c0, 2 as n, true as t, date 'infinity' as d, array[1] as a, 'x' as s"
    landing = land({**source, "query": query, "drift": "evolve"}, {"DB": moods})
    assert landing.rows.select("a", "d", "n", "s", "t").row(0) == (
        "[1]", "infinity", "2", "x", "true"
    )  # fmt: skip


DUCKDB: list[tuple[str, Any, Any]] = [
    ("127::tinyint", "i8", 127),
    ("18446744073709551615::ubigint", "u64", 2**64 - 1),
    ("sum(5::bigint)", "i64", 5),
    ("7::uhugeint", "i64", 7),
    ("1.25::decimal(12,2)", "decimal(12,2)", Decimal("1.25")),
    ("0.1::double", "f64", 0.1),
    ("'x'::varchar", "str", "x"),
    ("true", "bool", True),
    ("date '2010-01-04'", "date", dt.date(2010, 1, 4)),
    ("timestamp '2010-01-04 10:00:00.5'", "datetime", dt.datetime(2010, 1, 4, 10, 0, 0, 500_000)),
    ("'2010-01-04 10:00:00'::timestamp_ns", "datetime", dt.datetime(2010, 1, 4, 10)),
    ("'2010-01-04 10:00:00'::timestamp_s", "datetime", dt.datetime(2010, 1, 4, 10)),
    ("timestamptz '2010-07-04 10:00+02'", LONDON, SUMMER),
    ("time '10:00'", "time", dt.time(10)),
    (f"uuid '{A_UUID}'", "str", A_UUID),
    ("'{\"a\": 1}'::json", "str", '{"a": 1}'),
    ("'sad'::enum('sad', 'glad')", "str", "sad"),
    ("[1, null]", "str", "[1,null]"),
    ("[1, null]", "list(i32)", [1, None]),
    ("struct_pack(a := 1)", "str", '{"a":1}'),
    ("interval 3 day", "str", "3 days"),
    ("'101'::bit", "str", "101"),
    ("null", "i32", None),
]
DUCKDB_HELD: list[tuple[str, Any, str]] = [
    ("300::integer", "u8", "300"),
    ("'2010-01-04 10:00:00.123456789'::timestamp_ns", "datetime", "2010-01-04 10:00:00.123456"),
    ("'infinity'::date", "date", BEYOND),
    ("170141183460469231731687303715884105727::hugeint", "i64",
     "1.7014118346046923173168730371588410573E+38"),
]  # fmt: skip


@pytest.fixture
def empty_duckdb(folder: Path) -> str:
    duckdb.connect(str(folder / "d.duckdb")).close()
    return "duckdb:///d.duckdb"


def test_the_types_of_duckdb_land(empty_duckdb: str, land: Land) -> None:
    _check_landing(DUCKDB, empty_duckdb, land)


def test_values_of_duckdb_that_do_not_fit_are_held_back(empty_duckdb: str, land: Land) -> None:
    _check_held(DUCKDB_HELD, empty_duckdb, land)


MARIADB: list[tuple[str, str, Any, Any]] = [
    ("tinyint(1)", "1", "bool", True),
    ("bit(1)", "b'1'", "bool", True),
    ("bigint unsigned", "18446744073709551615", "u64", 2**64 - 1),
    ("decimal(12,2)", "1.25", "decimal(12,2)", Decimal("1.25")),
    ("double", "0.1", "f64", 0.1),
    ("varchar(10)", "'é😀'", "str", "é😀"),
    ("date", "'2010-01-04'", "date", dt.date(2010, 1, 4)),
    ("datetime(6)", "'2010-01-04 10:00:00.5'", "datetime",
     dt.datetime(2010, 1, 4, 10, 0, 0, 500_000)),
    ("timestamp", "'2010-07-04 08:00:00'", LONDON, SUMMER),
    ("time(1)", "'10:00:00.5'", "time", dt.time(10, 0, 0, 500_000)),
    ("year", "2010", "i16", 2010),
    ("enum('sad','glad')", "'sad'", "str", "sad"),
    ("set('a','b')", "'a,b'", "str", "a,b"),
    ("json", "'{\"a\": 1}'", "str", '{"a": 1}'),
    ("uuid", f"'{A_UUID}'", "str", A_UUID),
]  # fmt: skip


@pytest.fixture(scope="module")
def typed_rows(mariadb: str) -> Callable[[str], str]:
    """Fills a table whose columns are the types above; the database's address."""
    url = make_url(mariadb)

    def fill(values: str) -> str:
        with pymysql.connect(
            host=url.host, port=url.port or 0, user="root", db="shop", charset="utf8mb4"
        ) as database:
            cursor = database.cursor()
            cursor.execute("set time_zone = '+00:00', sql_mode = ''")
            cursor.execute("drop table if exists typed")
            columns = ", ".join(f"c{i} {kind}" for i, (kind, *_) in enumerate(MARIADB))
            cursor.execute(f"create table typed ({columns})")
            cursor.execute(f"insert into typed values ({values})")
            database.commit()
        return mariadb

    return fill


def _mariadb_source(url: str) -> dict[str, Any]:
    types = {f"c{i}": declared for i, (_, _, declared, _) in enumerate(MARIADB)}
    return {"kind": "sql", "url": url, "table": "typed", "schema": types}


def test_the_types_of_mariadb_land(typed_rows: Callable[[str], str], land: Land) -> None:
    url = typed_rows(", ".join(value for _, value, _, _ in MARIADB))
    landing = land(_mariadb_source(url))
    assert landing.held.rows() == []
    assert list(landing.rows.row(0)[:-2]) == [expected for *_, expected in MARIADB]


def test_what_mariadb_lets_pass_for_a_date_is_held_back(
    typed_rows: Callable[[str], str], land: Land
) -> None:
    values = [value for _, value, _, _ in MARIADB]
    values[6], values[9] = "'0000-00-00'", "'-10:00:00'"
    landing = land(_mariadb_source(typed_rows(", ".join(values))))
    assert landing.rows.height == 0
    assert [reason.split(":")[0] for reason in landing.held["reasons"][0]] == ["c6", "c9"]
    assert json.loads(landing.held["raw"][0])["c6"] == "0000-00-00"
