"""Sources that are read piece by piece, through the command: files, an API and a database."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from click.testing import CliRunner

from flows.cli import cli
from flows.lineage import trace
from tasks.core import lease
from tasks.core.errors import BusyError, ConfigError
from tests.flows.conftest import NIGHT, Shop
from tests.flows.test_quarantine import held, mended, spoil

NEXT = NIGHT + dt.timedelta(days=1)
LATE = 20


def ask(*words: object) -> Any:
    result = CliRunner().invoke(cli, [*map(str, words), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def bit_by_bit(shop: Shop) -> Shop:
    """The shop, each of its sources read piece by piece."""
    config = yaml.safe_load(shop.file.read_text())
    sources = config["sources"]
    sources["lines"] |= {"late": {"by": "InvoiceDate", "horizon": "3d"}}
    sources["products"] |= {"watermark": "listed_at", "params": {"after": "{watermark}"}}
    sources["customers"] |= {"watermark": "registered_at", "overlap": "1d"} | {
        "query": "select customer_id, country, registered_at from customers "
        "where registered_at > :watermark and registered_at < :until"
    }
    shop.file.write_text(yaml.safe_dump(config, sort_keys=False))
    return shop


def delay_rows(shop: Shop) -> None:
    """Have some sales of the night come with the next night's drop."""
    header, *lines = shop.drop(NIGHT).read_text().splitlines()
    shop.drop(NIGHT).write_text("\n".join([header, *lines[LATE:]]) + "\n")
    with shop.drop(NEXT).open("a") as later:
        later.write("\n".join(lines[:LATE]) + "\n")


def scores(shop: Shop, day: dt.date) -> pl.DataFrame:
    path = shop.store.root / f"reports/retail/scores/batch_date={day}/night.parquet"
    return pl.read_parquet(path, hive_partitioning=False).drop("run_id")


def ingested(shop: Shop, day: dt.date, table: str) -> dict[str, Any]:
    path = shop.store.root / f"reports/retail/ledger/batch_date={day}/night.parquet"
    ledger = pl.read_parquet(path, hive_partitioning=False)
    return ledger.filter(stage="ingest", table=table).to_dicts()[0]


def test_late_rows_reach_their_own_night_once_it_is_run_again(bit_by_bit: Shop) -> None:
    shop = bit_by_bit
    ask("backfill", shop.file, NIGHT, NEXT)
    in_time = {day: scores(shop, day) for day in (NIGHT, NEXT)}
    ask("state", "reset", shop.file, "lines", "--yes")

    delay_rows(shop)
    ask("run", shop.file, "--date", NIGHT)
    assert scores(shop, NIGHT).height < in_time[NIGHT].height
    night = ask("run", shop.file, "--date", NEXT)
    assert night["stale"] == [str(NIGHT)]
    assert night["warnings"] == [f"lines has rows that came late, of {NIGHT} ({LATE})"]
    assert scores(shop, NEXT).equals(in_time[NEXT])
    line = ingested(shop, NEXT, "lines")
    assert {"reason": "belongs to another date", "rows": LATE} in line["rejected_reasons"]

    shown = ask("state", "show", shop.file)
    lines = next(source for source in shown["sources"] if source["source"] == "lines")
    assert lines["late_rows"] == {str(NIGHT): LATE}
    assert shown["stale_nights"] == [str(NIGHT)]

    done = ask("backfill", shop.file, NIGHT, NEXT)
    assert [night["batch_date"] for night in done["nights"]] == [str(NIGHT)]
    assert scores(shop, NIGHT).equals(in_time[NIGHT])
    assert ask("state", "show", shop.file)["stale_nights"] == []
    before = shop.tables()
    ask("backfill", shop.file, NIGHT, NEXT, "--force")
    assert shop.tables() == before


def test_databases_and_apis_are_read_from_where_the_nights_came_to(bit_by_bit: Shop) -> None:
    shop = bit_by_bit
    ask("run", shop.file, "--date", NIGHT)
    (url,) = (shop.folder).glob("*.db")
    with closing(sqlite3.connect(url)) as database, database:
        row = (99_999, "France", f"{NEXT} 10:00:00")
        database.execute(
            "insert into customers (customer_id, country, registered_at) values (?, ?, ?)", row
        )
    ask("run", shop.file, "--date", NEXT)
    sources = {s["source"]: s for s in ask("state", "show", shop.file)["sources"]}
    read = sources["customers"]["last_take"]
    assert read["rows_in"] < 100
    assert read["rows_in"] == read["rows_out"] + sum(read["rejected"].values())
    for name in ("customers", "products"):
        assert sources[name]["covered"] == [[None, f"{NEXT + dt.timedelta(days=1)} 00:00:00"]]
    path = shop.store.root / f"landed/retail/customers/batch_date={NEXT}/part-0.parquet"
    landed = pl.read_parquet(path, hive_partitioning=False)
    assert landed.filter(customer_id=99_999).height == 1
    assert landed["customer_id"].is_unique().all()


def test_a_reset_asks_is_refused_while_a_run_goes_and_has_all_read_again(bit_by_bit: Shop) -> None:
    shop = bit_by_bit
    ask("run", shop.file, "--date", NIGHT)
    before = shop.tables()
    words = ["state", "reset", str(shop.file)]
    asked = CliRunner().invoke(cli, words, input="n\n")
    assert asked.exit_code == 1
    assert "are lost" in asked.output
    assert ask("state", "show", shop.file)["sources"][1]["nights"] == [str(NIGHT)]
    with (
        lease.hold(shop.store.path(f"leases/retail/{NEXT}.lock"), "test"),
        pytest.raises(BusyError, match="no run of the pipeline going"),
    ):
        ask(*words, "--yes")
    with pytest.raises(ConfigError, match="lines, products, customers"):
        ask(*words, "orders")
    assert ask(*words, "--from", NIGHT, "--yes")["forgotten"]["customers"] == [str(NIGHT)]
    assert ask("state", "show", shop.file)["sources"][1]["nights"] == []
    ask("run", shop.file, "--date", NIGHT)
    assert shop.tables() == before


def test_mends_are_replayed_into_sources_that_are_read_piece_by_piece(
    bit_by_bit: Shop, tmp_path: Path
) -> None:
    shop = bit_by_bit
    unspoilt = shop.run()
    expected = scores(shop, NIGHT)
    _, whole = spoil(shop)
    shop.run()
    file = mended(held(shop), whole, tmp_path)
    told = ask("quarantine", "replay", shop.file, "--date", NIGHT, "--with", file)
    assert (told["mends"], told["held_before"] - told["held"]) == (2, 2)
    assert told["night"]["quarantined"] == unspoilt.quarantined
    assert scores(shop, NIGHT).equals(expected)
    path = shop.store.root / f"reports/retail/scores/batch_date={NIGHT}/night.parquet"
    inputs = trace(path)["inputs"]
    sources = {source["_source"] for table in inputs for source in table["sources"]}
    assert {f"drops/{NIGHT}/lines.csv", "customers", "products"} <= sources
