"""Held rows counted, shown, mended and replayed into their night."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from flows import mends
from flows.cli import cli
from flows.landing import landed
from flows.pipeline import load
from tasks.core.errors import ConfigError, DataError, GateClosedError
from tests.flows.conftest import NIGHT, Shop

BEFORE = NIGHT - dt.timedelta(days=2)
Row = dict[str, Any]


def ask(shop: Shop, command: str, *options: object, day: dt.date = NIGHT) -> str:
    arguments = ["quarantine", command, str(shop.file), "--date", day, *options]
    result = CliRunner().invoke(cli, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def held(shop: Shop, day: dt.date = NIGHT) -> list[Row]:
    return [json.loads(line) for line in ask(shop, "show", "--json", day=day).splitlines()]


def planted(rows: list[Row]) -> list[Row]:
    """The held rows that `spoil` made."""
    mine = [row for row in rows if row["stage"] == "ingest" or "negative price" in row["reasons"]]
    assert [row["stage"] for row in mine] == ["ingest", "validate"]
    return mine


def spoil(shop: Shop, day: dt.date = NIGHT) -> tuple[list[int], list[Row]]:
    """Give one sale a quantity that is none and another a negative price.

    Returns:
        Their lines in the drop, the header being the first, and the rows as they were.
    """
    with shop.drop(day).open(newline="") as file:
        rows = list(csv.DictReader(file))
    sales = [
        position
        for position, row in enumerate(rows)
        if row["CustomerID"] and row["StockCode"].isdigit() and int(row["Quantity"]) > 0
    ]
    chosen = sales[10], sales[20]
    whole = [dict(rows[position]) for position in chosen]
    rows[chosen[0]]["Quantity"] = "two"
    rows[chosen[1]]["UnitPrice"] = "-3.5"
    with shop.drop(day).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return [position + 2 for position in chosen], whole


def mended(rows: list[Row], whole: list[Row], folder: Path) -> Path:
    """A file of the held rows, the spoilt ones put right."""
    for row, right in zip(planted(rows), whole, strict=True):
        row["raw"] |= {"Quantity": int(right["Quantity"]), "UnitPrice": float(right["UnitPrice"])}
    file = folder / "mended.ndjson"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def table(shop: Shop, name: str) -> pl.DataFrame:
    path = shop.store.root / f"reports/retail/{name}/batch_date={NIGHT}/night.parquet"
    return pl.read_parquet(path, hive_partitioning=False)


def event_ids(rows: list[Row]) -> list[str]:
    return ["|".join((row["InvoiceNo"], row["StockCode"], row["line"])) for row in rows]


def scored(shop: Shop, rows: list[Row]) -> int:
    return table(shop, "scores").filter(pl.col("event_id").is_in(event_ids(rows))).height


def test_planted_rows_are_counted_in_quarantine_and_ledger(shop: Shop) -> None:
    before = shop.run()
    _, whole = spoil(shop)
    after = shop.run()
    assert after.quarantined == before.quarantined + 2
    assert scored(shop, whole) == 0
    ledger, counts = table(shop, "ledger"), json.loads(ask(shop, "list", "--json"))
    assert table(shop, "quarantine").height == ledger["quarantined"].sum() == len(held(shop))
    assert sum(c["rows"] for c in counts if c["stage"] == "ingest") == 1
    assert [c["rows"] for c in counts if c["reason"] == "negative price"] == [1]


def test_shown_rows_tell_where_they_came_from_and_what_they_said(shop: Shop) -> None:
    lines, whole = spoil(shop)
    shop.run()
    by_ingest, by_suite = planted(held(shop))
    assert [by_ingest["line"], by_suite["line"]] == lines
    assert by_ingest["source"] == by_suite["source"] == f"drops/{NIGHT}/lines.csv"
    assert by_ingest["raw"]["Quantity"] == "two"
    assert by_ingest["raw"]["UnitPrice"] == float(whole[0]["UnitPrice"])
    assert by_suite["raw"]["UnitPrice"] == -3.5
    assert "1 of" in ask(shop, "show", "--reason", "negative price")


def test_mended_rows_are_scored_and_the_ledger_balances(shop: Shop, tmp_path: Path) -> None:
    unspoilt = shop.run()
    expected = table(shop, "scores").drop("run_id")
    _, whole = spoil(shop)
    shop.run()
    file = mended(held(shop), whole, tmp_path)
    told = json.loads(ask(shop, "replay", "--with", file, "--json"))
    assert (told["mends"], told["held_before"] - told["held"]) == (2, 2)
    assert told["night"]["quarantined"] == unspoilt.quarantined == told["held"]
    assert scored(shop, whole) == 2
    assert table(shop, "scores").drop("run_id").equals(expected)
    ledger = table(shop, "ledger")
    accounted = ledger["rows_out"] + ledger["quarantined"] + ledger["rejected"]
    assert (ledger["rows_in"] == accounted).all()


def test_a_replay_twice_or_a_run_after_it_gives_the_same_bytes(shop: Shop, tmp_path: Path) -> None:
    _, whole = spoil(shop)
    shop.run()
    file = mended(held(shop), whole, tmp_path)
    ask(shop, "replay", "--with", file)
    once = {**shop.tables(), **shop.tables("scores"), **shop.tables("mends")}
    ask(shop, "replay", "--with", file)
    assert {**shop.tables(), **shop.tables("scores"), **shop.tables("mends")} == once
    shop.run()
    assert shop.tables() == {k: v for k, v in once.items() if k.startswith("reports")}


def test_rows_mended_in_the_source_are_as_if_they_had_never_been_wrong(shop: Shop) -> None:
    shop.run()
    before, drop = shop.tables(), shop.drop(NIGHT).read_bytes()
    spoil(shop)
    shop.run()
    shop.drop(NIGHT).write_bytes(drop)
    assert "12 before" in ask(shop, "replay")
    assert shop.tables() == before


def test_a_mend_of_a_row_that_changed_since_is_refused(shop: Shop, tmp_path: Path) -> None:
    _, whole = spoil(shop)
    shop.run()
    ask(shop, "replay", "--with", mended(held(shop), whole, tmp_path))
    before = shop.tables()
    shop.drop(NIGHT).write_text(shop.drop(NIGHT).read_text().replace("-3.5", "-4.5"))
    with pytest.raises(DataError, match="1 changed in the source since"):
        ask(shop, "replay")
    assert shop.tables() == before
    told = ask(shop, "replay", "--drop")
    assert "0 mended rows" in told
    assert [row["raw"]["UnitPrice"] for row in planted(held(shop))][1] == -4.5


def test_a_replay_that_fails_keeps_the_mends_there_were(shop: Shop, tmp_path: Path) -> None:
    spoil(shop)
    shop.run()
    rows = held(shop)
    planted(rows)[0]["raw"]["Quantity"] = "three"
    file = tmp_path / "mended.ndjson"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError, match="Quantity is no Int32"):
        ask(shop, "replay", "--with", file)
    assert mends.read(load(str(shop.file)), str(NIGHT)).height == 0
    file.write_text(json.dumps({**rows[0], "line": 999_999}))
    with pytest.raises(ConfigError, match="a row that is held back"):
        ask(shop, "replay", "--with", file)


def test_a_date_that_was_only_landed_is_landed_again(shop: Shop, tmp_path: Path) -> None:
    for path in (shop.store.root / "commits/retail").glob(f"{BEFORE}.json"):
        path.unlink()
    _, whole = spoil(shop, BEFORE)
    pipeline = load(str(shop.file))
    shop.run()
    rows = held(shop, BEFORE)
    told = json.loads(
        ask(shop, "replay", "--with", mended(rows, whole, tmp_path), "--json", day=BEFORE)
    )
    assert told["night"] is None
    assert (told["mends"], told["held_before"] - told["held"]) == (2, 2)
    assert told["stale"] == [str(NIGHT)]
    valid = pipeline.store.scan(landed(pipeline, BEFORE, ["lines"])["lines"])
    keys = ["InvoiceNo", "StockCode", "line"]
    found = valid.select(pl.concat_str(keys, separator="|")).collect().to_series()
    assert set(event_ids(whole)) <= set(found)


def test_rows_behind_a_closed_gate_can_be_mended_until_it_opens(shop: Shop, tmp_path: Path) -> None:
    unspoilt = shop.run()
    _, whole = spoil(shop)
    text = shop.file.read_text() + "validation: {max_quarantined_share: 0.0025}\n"
    shop.file.write_text(text)
    with pytest.raises(GateClosedError, match="rows would be held back"):
        shop.run()
    rows = held(shop)
    assert len(rows) == unspoilt.quarantined + 2
    told = json.loads(ask(shop, "replay", "--with", mended(rows, whole, tmp_path), "--json"))
    assert (told["held_before"], told["held"]) == (len(rows), len(rows) - 2)
    assert scored(shop, whole) == 2
