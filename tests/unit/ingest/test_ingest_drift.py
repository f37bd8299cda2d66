"""What becomes of columns that are added, dropped, renamed, retyped or reordered."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.core.errors import SchemaDriftError
from tests.unit.ingest.chaos import Answer, serve
from tests.unit.ingest.conftest import Land, Landing

SCHEMA = {"id": "i64", "price": "f64"}
POLICIES = ("refuse", "evolve", "ignore")
Rows = Sequence[Mapping[str, Any]]

AS_DECLARED: Rows = [{"id": 1, "price": 1.5}, {"id": 2, "price": 2.5}]
ADDED: Rows = [{"id": 1, "price": 1.5, "coupon": "A 1"}, {"id": 2, "price": 2.5, "coupon": None}]
DROPPED: Rows = [{"id": 1}, {"id": 2}]
RENAMED: Rows = [{"id": 1, "Price": 1.5}, {"id": 2, "Price": 2.5}]
RETYPED: Rows = [{"id": 1, "price": "cheap"}, {"id": 2, "price": "dear"}]
REORDERED: Rows = [{"price": 1.5, "id": 1}, {"price": 2.5, "id": 2}]


class Sender:
    """Sends the same rows through one kind of source."""

    def __init__(self, land: Land, folder: Path, kind: str) -> None:
        self.land, self.folder, self.kind = land, folder, kind

    def __call__(self, rows: Rows, drift: str) -> Landing:
        common = {"schema": SCHEMA, "drift": drift}
        if self.kind == "http":
            with serve() as api:
                api.script = lambda _: Answer(list(rows))
                return self.land({"kind": "http", "url": api.url, **common})
        if self.kind == "sql":
            return self.land(self._database(rows) | common)
        name = f"drop.{self.kind}"
        _WRITERS[self.kind](pl.DataFrame(rows, infer_schema_length=None), self.folder / name)
        return self.land({"kind": "files", "path": name, **common})

    def _database(self, rows: Rows) -> dict[str, Any]:
        names = list(rows[0])
        with closing(sqlite3.connect(self.folder / "d.db")) as database, database:
            database.execute("drop table if exists t")
            database.execute(f"create table t ({', '.join(names)})")
            marks = ", ".join("?" * len(names))
            database.executemany(
                f"insert into t values ({marks})", [tuple(r.values()) for r in rows]
            )
        return {"kind": "sql", "url": "sqlite:///d.db", "query": "select * from t order by id"}


_WRITERS: Mapping[str, Callable[[pl.DataFrame, Path], None]] = {
    "csv": pl.DataFrame.write_csv,
    "ndjson": pl.DataFrame.write_ndjson,
    "parquet": pl.DataFrame.write_parquet,
}
BY_TABLE = ("csv", "parquet", "sql")  # these have one set of columns for all records
BY_RECORD = ("ndjson", "http")


@pytest.fixture(params=[*BY_TABLE, *BY_RECORD])
def send(request: pytest.FixtureRequest, land: Land, folder: Path) -> Iterator[Sender]:
    return Sender(land, folder, request.param)


def landed(found: Landing) -> list[dict[str, Any]]:
    assert found.ledger.rows_in == found.ledger.rows_out + found.ledger.quarantined
    return found.rows.drop("_source", "_line").to_dicts()


def test_an_added_column_is_refused_as_a_whole_or_by_the_record(send: Sender) -> None:
    if send.kind in BY_TABLE:
        with pytest.raises(SchemaDriftError, match="'coupon' is not declared"):
            send(ADDED, "refuse")
    else:
        found = send(ADDED, "refuse")
        assert found.rows.is_empty()
        assert found.held["reasons"].to_list() == [["coupon: not declared"]] * 2


def test_an_added_column_evolves_the_table_behind_the_declared_ones(send: Sender) -> None:
    found = send(ADDED, "evolve")
    assert found.rows.columns == ["id", "price", "coupon", "_source", "_line"]
    assert found.rows.schema["coupon"] == pl.String
    assert landed(found) == [dict(row) for row in ADDED]
    assert found.new_columns == ("coupon",)


def test_an_added_column_is_left_out_where_it_is_ignored(send: Sender) -> None:
    found = send(ADDED, "ignore")
    assert landed(found) == list(AS_DECLARED)
    assert found.new_columns == ()


@pytest.mark.parametrize("drift", POLICIES)
@pytest.mark.parametrize("rows", [DROPPED, RENAMED], ids=["dropped", "renamed"])
def test_a_declared_column_that_is_gone_is_never_made_up(
    send: Sender, rows: Rows, drift: str
) -> None:
    if send.kind in BY_TABLE:
        with pytest.raises(SchemaDriftError, match="'price' is missing"):
            send(rows, drift)
    else:
        found = send(rows, drift)
        assert found.rows.is_empty()
        assert all("price: missing" in reasons for reasons in found.held["reasons"])


@pytest.mark.parametrize("drift", POLICIES)
def test_a_column_of_another_type_is_held_back_or_refused(send: Sender, drift: str) -> None:
    if send.kind == "parquet":
        with pytest.raises(SchemaDriftError, match="price as f64"):
            send(RETYPED, drift)
    else:
        found = send(RETYPED, drift)
        assert landed(found) == []
        assert found.ledger.quarantined == 2


@pytest.mark.parametrize("drift", POLICIES)
def test_the_order_of_columns_does_not_matter(send: Sender, drift: str) -> None:
    assert landed(send(REORDERED, drift)) == list(AS_DECLARED)


def test_files_and_records_may_each_have_other_new_columns(land: Land, folder: Path) -> None:
    (folder / "1.csv").write_text("id,price\n1,1.5\n")
    (folder / "2.csv").write_text("z,id,price\nlast,2,2.5\n,3,3.5\n")
    (folder / "3.ndjson").write_text(
        '{"id": 4, "price": 4.5, "a": {"b": [1, true]}}\n{"id": 5, "price": 5.5, "z": 7}\n'
    )
    found = land({"kind": "files", "path": "*", "schema": SCHEMA, "drift": "evolve"})
    assert found.new_columns == ("a", "z")
    assert found.rows.select("id", "a", "z").rows() == [
        (1, None, None),
        (2, None, "last"),
        (3, None, None),
        (4, '{"b": [1, true]}', None),
        (5, None, "7"),
    ]


def test_a_held_record_keeps_its_new_columns_out_of_the_table(land: Land, folder: Path) -> None:
    (folder / "d.csv").write_text("id,price,coupon\n1,1.5,A\n2,dear,B\n")
    found = land({"kind": "files", "path": "d.csv", "schema": SCHEMA, "drift": "evolve"})
    assert found.rows["coupon"].to_list() == ["A"]
    assert found.held["raw"].to_list() == ["2,dear,B"]


@pytest.mark.parametrize("name", ["", "_line"])
def test_a_new_column_without_a_name_of_its_own_is_refused(
    name: str, land: Land, folder: Path
) -> None:
    (folder / "d.csv").write_text(f"id,price,{name}\n1,1.5,A\n")
    with pytest.raises(SchemaDriftError, match="is not declared"):
        land({"kind": "files", "path": "d.csv", "schema": SCHEMA, "drift": "evolve"})
