"""Personal columns are hashed before anything is stored, by any reader, in all it keeps."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from tasks.core.errors import ConfigError, SchemaDriftError
from tasks.core.store import Store
from tasks.ingest.masking import HASH
from tests.flows.canaries import found_in
from tests.unit.ingest.conftest import DATE, Land

KEY = "k" * 32
SECRETS = {"KEY": KEY}
PERSONAL = {"columns": ["email"], "key": "${KEY}"}
SCHEMA = {"id": "i32", "email": "str", "age": "u8"}
CANARY = "canary@example.com"


def _source(form: str) -> dict[str, Any]:
    return {
        "kind": "files",
        "path": "{date}/*",
        "format": form,
        "schema": SCHEMA,
        "personal": PERSONAL,
    }


def _write(folder: Path, content: str | bytes) -> None:
    path = folder / DATE / "drop"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


ROWS = [(1, CANARY, "30"), (2, "other@example.com", "31"), (3, None, "32"), (4, CANARY, "33")]
# An age that is none; one too few; one too many; the columns in a wrong order.
BROKEN = f"5,{CANARY},old\n{CANARY}\n6,{CANARY},1,{CANARY}\n{CANARY},7,7\n8,{CANARY},{CANARY}\n"


def test_rows_and_held_lines_of_csv(folder: Path, store: Store, land: Land) -> None:
    text = "".join(f"{i},{email or ''},{age}\n" for i, email, age in ROWS)
    _write(folder, f"id,email,age\n{text}{BROKEN}")
    landing = land(_source("csv"), SECRETS)
    emails = landing.rows["email"].to_list()
    assert emails[0] == emails[3] != emails[1]
    assert emails[2] is None
    assert all(HASH.fullmatch(email) for email in emails if email)
    assert landing.held.height == 5
    assert not found_in(store.root, CANARY)
    told = [json.loads(raw) if raw else None for raw in landing.held["raw"]]
    assert told[0] == {"email": emails[0]}
    assert landing.held["reasons"][0].to_list() == ["age: not u8 without leading zeros"]
    assert "canary" not in str(landing.held.to_dicts())


def test_rows_and_held_records_of_json(folder: Path, store: Store, land: Land) -> None:
    records = [{"id": i, "email": email, "age": int(age)} for i, email, age in ROWS]
    bad = [{"id": 9, "email": CANARY, "age": CANARY}, {"id": CANARY, "email": CANARY, "age": 1}]
    odd = [
        {"id": 10, "email": CANARY, "age": 1, "mail": CANARY},
        {"email": {"x": CANARY}},
        [CANARY],
    ]
    lines = "\n".join(json.dumps(record) for record in [*records, *bad, *odd])
    _write(folder, f"{lines}\n{{{CANARY}\n")
    source = _source("ndjson") | {"drift": "ignore"}
    landing = land(source, SECRETS)
    assert landing.ledger.rows_in == 10
    assert landing.held.height == 5
    assert not found_in(store.root, CANARY)
    assert "canary" not in str(landing.held.to_dicts()) + str(landing.rows.to_dicts())


def test_rows_of_a_query(folder: Path, store: Store, land: Land) -> None:
    with sqlite3.connect(folder / "shop.db") as database:
        database.execute("create table people (id, email, age)")
        database.executemany("insert into people values (?, ?, ?)", ROWS)
        database.execute("insert into people values (5, ?, ?)", (CANARY, CANARY))
    source = {
        "kind": "sql",
        "url": "sqlite:///shop.db",
        "query": "select id, email, age from people order by id",
        "schema": SCHEMA | {"age": "str"},
        "personal": PERSONAL,
    }
    landing = land(source, SECRETS)
    assert HASH.fullmatch(landing.rows["email"][0])
    held = land(source | {"schema": SCHEMA | {"age": "date"}}, SECRETS).held
    assert held.height > 0
    assert "canary" not in str(held.to_dicts())
    assert CANARY in landing.rows["age"].to_list(), "what is not declared personal is kept"


def test_the_same_value_is_the_same_hash_in_every_source(
    folder: Path, store: Store, land: Land
) -> None:
    _write(folder, f"id,email,age\n1,{CANARY},30\n")
    from_csv = land(_source("csv"), SECRETS).rows["email"][0]
    pl.DataFrame({"id": [1], "email": [CANARY], "age": [30]}).cast(
        {"id": pl.Int32, "age": pl.UInt8}
    ).write_parquet(folder / DATE / "drop")
    assert land(_source("parquet"), SECRETS).rows["email"][0] == from_csv
    other = land(_source("parquet"), {"KEY": "l" * 32}).rows["email"][0]
    assert other != from_csv
    import hmac

    digest = hmac.new(KEY.encode(), CANARY.encode(), "sha256").hexdigest()
    assert from_csv == f"hmac-{digest[:32]}"


def test_a_file_without_its_header_does_not_tell_its_values(folder: Path, land: Land) -> None:
    _write(folder, f"1,{CANARY},30\n2,{CANARY},31\n")
    with pytest.raises(SchemaDriftError, match="3 not declared") as caught:
        land(_source("csv"), SECRETS)
    assert "canary" not in str(caught.value)


def test_a_key_that_can_be_guessed_is_refused_and_not_told(folder: Path, land: Land) -> None:
    _write(folder, "id,email,age\n")
    with pytest.raises(ConfigError, match="32 characters") as caught:
        land(_source("csv"), {"KEY": "canary"})
    assert "canary" not in str(caught.value)
    with pytest.raises(ConfigError, match="KEY"):
        land(_source("csv"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"personal": {"columns": ["age"], "key": "${KEY}"}}, "type str"),
        ({"personal": {"columns": ["none"], "key": "${KEY}"}}, "type str"),
        ({"personal": {"columns": ["email"], "key": "hunter2"}}, "never written here"),
        ({"drift": "evolve"}, "undeclared"),
    ],
)
def test_what_cannot_be_masked_is_refused(land: Land, change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        land(_source("csv") | change, SECRETS)
