"""Nights in this process: the same twice, in any order, and right when things break."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import polars as pl
import pytest
import yaml

from flows import status
from flows.demo.api import TOKEN
from flows.demo.services import demo_services
from flows.pipeline import environment, load
from flows.training import train
from tasks.core.errors import (
    GateClosedError,
    ModelMissingError,
    SchemaDriftError,
    SourceError,
    SourceMissingError,
)
from tasks.models.aliases import read_aliases
from tasks.models.bundle import version_of
from tasks.score.ladder import first_footing
from tests.flows.conftest import NIGHT, TRAINED_BY, Shop
from tests.loopback import serving

NEXT = NIGHT + dt.timedelta(days=1)


def _ledger(shop: Shop, day: dt.date = NIGHT) -> pl.DataFrame:
    folder = shop.store.root / f"reports/retail/ledger/batch_date={day}"
    return pl.read_parquet(folder / "night.parquet", hive_partitioning=False)


def test_a_night_publishes_every_table_and_balances(shop: Shop) -> None:
    night = shop.run()
    published = {path.split("/")[2] for path in shop.tables()}
    assert {
        "scores",
        "alerts",
        "quarantine",
        "data_quality",
        "ledger",
        "features_selected",
        "model_metrics",
        "report",
    } <= published
    ledger = _ledger(shop)
    accounted = ledger["rows_out"] + ledger["quarantined"] + ledger["rejected"]
    assert (ledger["rows_in"] == accounted).all()
    assert night.alerts == 10
    assert night.score_source == "champion"


def test_a_night_run_twice_gives_the_same_bytes(shop: Shop) -> None:
    first = shop.run()
    tables = {**shop.tables(), **shop.tables("scores"), **shop.tables("features")}
    assert shop.run() == first
    assert {**shop.tables(), **shop.tables("scores"), **shop.tables("features")} == tables


def test_nights_in_any_order_give_the_same_tables(shop: Shop, trained_shop: Shop) -> None:
    shop.run(NIGHT)
    shop.run(NEXT)
    in_order = shop.tables()
    root = shop.store.root
    for layer in ("reports", "commits", "landed", "valid"):
        for path in root.glob(f"{layer}/**/*{NIGHT}*"):
            _remove(path)
        for path in root.glob(f"{layer}/**/*{NEXT}*"):
            _remove(path)
    shop.run(NEXT)
    shop.run(NIGHT)
    assert shop.tables() == in_order


def _remove(path) -> None:  # type: ignore[no-untyped-def]
    if path.is_dir():
        for child in path.iterdir():
            _remove(child)
        path.rmdir()
    elif path.exists():
        path.unlink()


def test_a_truncated_drop_sends_its_last_row_to_quarantine(shop: Shop) -> None:
    content = shop.drop(NIGHT).read_bytes()
    whole = shop.run()
    shop.drop(NIGHT).write_bytes(content[: content.rindex(b",", 0, -20)])
    cut = shop.run()
    assert cut.quarantined == whole.quarantined + 1
    folder = shop.store.root / f"reports/retail/quarantine/batch_date={NIGHT}"
    held = pl.read_parquet(folder / "night.parquet", hive_partitioning=False)
    ingested = held.filter(pl.col("stage") == "ingest").row(0, named=True)
    assert ingested["source"] == f"drops/{NIGHT}/lines.csv"
    assert ingested["line"] == content.count(b"\n")
    assert ingested["reasons"]


def test_a_renamed_column_stops_the_night_and_keeps_the_tables(shop: Shop) -> None:
    shop.run()
    before = shop.tables()
    drop = shop.drop(NIGHT)
    drop.write_bytes(drop.read_bytes().replace(b"UnitPrice", b"Unit_Price", 1))
    with pytest.raises(SchemaDriftError) as caught:
        shop.run()
    assert "UnitPrice" in str(caught.value)
    assert "Unit_Price" in str(caught.value)
    assert shop.tables() == before
    incident = shop.store.root / f"incidents/retail/batch_date={NIGHT}/incident.json"
    assert json.loads(incident.read_text())["error"] == "SchemaDriftError"


def test_a_missing_drop_is_told_with_its_path(shop: Shop) -> None:
    shop.drop(NIGHT).unlink()
    with pytest.raises(SourceMissingError, match=str(NIGHT)):
        shop.run()


def test_a_missing_database_is_told_and_not_made(shop: Shop) -> None:
    shop.run()
    before = shop.tables()
    database = shop.folder / "customers.db"
    database.unlink()
    with pytest.raises(SourceMissingError, match=r"customers\.db"):
        shop.run()
    assert not database.exists()
    assert shop.tables() == before


@contextmanager
def _api_that_stops(after_pages: int, records: list[dict[str, object]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        asked = 0

        def do_GET(self) -> None:
            Handler.asked += 1
            if Handler.asked > after_pages:
                self.connection.close()
                return
            body = json.dumps(
                {
                    "items": records[:100],
                    "next": str(Handler.asked),
                    "total": len(records),
                }
            ).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    with serving(Handler) as address:
        yield f"{address}/products"


def test_an_api_that_stops_half_way_gives_no_part_of_its_records(shop: Shop) -> None:
    shop.run()
    before = shop.tables()
    text = shop.file.read_text().replace("records: /items", "records: /items\n    attempts: 1")
    shop.file.write_text(text)
    records = json.loads((shop.folder / "products.json").read_text())
    with (
        _api_that_stops(1, records) as url,
        environment({"PRODUCTS_URL": url, "PRODUCTS_TOKEN": TOKEN}),
        pytest.raises(SourceError),
    ):
        shop.run()
    assert shop.tables() == before


def test_a_night_without_a_training_says_what_to_do(shop: Shop) -> None:
    _remove(shop.store.root)
    with pytest.raises(ModelMissingError, match="lamplighter train retail"):
        shop.run()


def test_a_failed_critical_check_closes_the_gate(shop: Shop) -> None:
    shop.run()
    before = shop.tables()
    header, *lines = shop.drop(NIGHT).read_text().splitlines(keepends=True)
    shop.drop(NIGHT).write_text(header + "".join(lines[:20]))
    with pytest.raises(GateClosedError) as caught:
        shop.run()
    assert "row_count" in str(caught.value)
    assert shop.tables() == before
    incident = shop.store.root / f"incidents/retail/batch_date={NIGHT}"
    told = json.loads((incident / "incident.json").read_text())
    assert any(not row["success"] for row in told["quality"])
    assert "row_count" in (incident / "incident.html").read_text()


def _damage_champion(shop: Shop) -> str:
    """Flip a bit of the champion's weights; its version."""
    champion = read_aliases(shop.store, "retail").champion
    path = shop.store.path(champion.uri).with_name("model.safetensors")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return version_of(champion)


def test_a_damaged_champion_leaves_the_night_to_a_lower_rung(shop: Shop) -> None:
    version = _damage_champion(shop)
    night = shop.run()
    assert (night.score_source, night.model_version) == ("fallback", version)
    assert "SHA-256" in night.degraded
    folder = shop.store.root / f"reports/retail/scores/batch_date={NIGHT}"
    scores = pl.read_parquet(folder / "night.parquet", hive_partitioning=False)
    assert scores["score_source"].unique().to_list() == ["fallback"]
    assert scores.height == night.scored


def _scoring(shop: Shop, **scoring: Any) -> None:
    config = yaml.safe_load(shop.file.read_text())
    shop.file.write_text(yaml.safe_dump({**config, "scoring": scoring}, sort_keys=False))


def test_a_champion_that_is_late_night_after_night_rests_and_is_asked_again(shop: Shop) -> None:
    dates, circuit = [NIGHT + dt.timedelta(days=i) for i in range(4)], {"failures": 2, "rest": 1}
    champion = read_aliases(shop.store, "retail").champion
    _scoring(shop, timeout="0s", circuit=circuit)
    told = [shop.run(day).degraded for day in (dates[0], dates[0], dates[0])]
    (found,) = status.describe(load(str(shop.file)))["circuits"].values()
    assert (found["state"], found["failures"]) == ("closed", 1)  # one night, run three times
    told.append(shop.run(dates[1]).degraded)
    assert all("scores within 0 s" in each for each in told)
    (found,) = status.describe(load(str(shop.file)))["circuits"].values()
    assert found["state"] == "open"
    _scoring(shop, circuit=circuit)
    assert "was late 2 times in a row" in shop.run(dates[2]).degraded
    tables = shop.tables("reports/retail/scores")
    assert shop.run(dates[3]).score_source == "champion"
    assert shop.run(dates[2]).score_source == "fallback"  # it sees the nights before it alone
    assert shop.tables("reports/retail/scores").items() >= tables.items()
    standing = status.describe(load(str(shop.file)))
    assert (standing["circuits"], standing["open_incidents"], standing["held"]) == ({}, [], [])
    assert standing["last_night"]["alerts"] == 10
    assert standing["models"] == {"champion": version_of(champion)}


def test_a_champion_whose_file_is_mended_scores_the_next_night(shop: Shop) -> None:
    _scoring(shop, circuit={"failures": 1, "rest": 9})
    champion = read_aliases(shop.store, "retail").champion
    weights = shop.store.path(champion.uri).with_name("model.safetensors")
    intact = weights.read_bytes()
    _damage_champion(shop)
    assert "SHA-256" in shop.run().degraded
    weights.write_bytes(intact)
    assert shop.run(NEXT).score_source == "champion"
    assert shop.run().score_source == "champion"


def test_scores_unlike_all_trainings_are_taken_with_a_warning(shop: Shop) -> None:
    config = yaml.safe_load(shop.file.read_text())
    config["scoring"] = {"max_distance": 1e-9}
    shop.file.write_text(yaml.safe_dump(config, sort_keys=False))
    lines = pl.read_csv(shop.drop(NIGHT), infer_schema=False)
    many = (pl.col("Quantity").cast(pl.Int64) * 10).cast(pl.String)  # unlike any night before
    lines.with_columns(many).write_csv(shop.drop(NIGHT))
    night = shop.run()
    assert (night.score_source, night.degraded) == ("champion", "")
    assert night.warnings[0].startswith("No model's scores are like those of its training")


def test_a_night_that_was_stopped_is_an_open_incident_until_it_is_run(shop: Shop) -> None:
    content = shop.drop(NIGHT).read_bytes()
    shop.drop(NIGHT).write_bytes(content.replace(b"UnitPrice", b"Unit_Price", 1))
    with pytest.raises(SchemaDriftError):
        shop.run()
    assert status.describe(load(str(shop.file)))["open_incidents"] == [str(NIGHT)]
    shop.drop(NIGHT).write_bytes(content)
    shop.run()
    assert status.describe(load(str(shop.file)))["open_incidents"] == []


def test_the_champion_before_scores_with_its_own_preparation(shop: Shop) -> None:
    first = version_of(read_aliases(shop.store, "retail").champion)
    with demo_services(str(shop.file)):
        train.fn(str(shop.file), TRAINED_BY + dt.timedelta(days=1))
    assert _damage_champion(shop) != first
    night = shop.run()
    assert (night.score_source, night.model_version) == ("previous", first)
    aliases = read_aliases(shop.store, "retail")
    assert version_of(first_footing(shop.store, aliases).rungs[0].ref) == first


def test_a_champion_that_lost_a_feature_leaves_nothing_of_its_preparation(shop: Shop) -> None:
    config = yaml.safe_load(shop.file.read_text())
    text = {"family": "text", "columns": ["Description"], "measures": ["length"]}
    own = {**config, "features": [*config["features"], text]}
    own["selection"] = {**config["selection"], "keep": ["Description.length"]}
    _train(shop, own, TRAINED_BY)
    alone, at_first = shop.run(), _scores(shop)

    taught = {**own, "prepare": {"categories": {"columns": {"Description": {"share": 0.5}}}}}
    taught["features"] = [*own["features"], {"family": "columns", "columns": ["Quantity"]}]
    taught["selection"] = {**config["selection"], "keep": ["Description.length", "Quantity"]}
    _train(shop, taught, TRAINED_BY + dt.timedelta(days=1))
    assert shop.run().score_source == "champion"

    shop.file.write_text(yaml.safe_dump({**taught, "features": own["features"]}, sort_keys=False))
    below = shop.run()
    assert (below.score_source, below.model_version) == ("previous", alone.model_version)
    assert "none named Quantity" in below.degraded
    assert _scores(shop).equals(at_first)


def _train(shop: Shop, config: dict[str, object], known_by: dt.date) -> None:
    shop.file.write_text(yaml.safe_dump(config, sort_keys=False))
    with demo_services(str(shop.file)):
        train.fn(str(shop.file), known_by)


def _scores(shop: Shop) -> pl.DataFrame:
    """What the night's events scored, by the model and by XGBoost beside it, and why."""
    folder = shop.store.root / f"reports/retail/scores/batch_date={NIGHT}"
    scores = pl.read_parquet(folder / "night.parquet", hive_partitioning=False)
    return scores.select("event_id", "score", "fallback_score", "probability", "rank", "reasons")


def test_a_gap_in_the_history_is_told(shop: Shop) -> None:
    shop.drop(NIGHT).unlink()
    night = shop.run(NEXT)
    assert any(str(NIGHT) in gap for gap in night.gaps)


def test_a_closed_day_runs_nothing(shop: Shop) -> None:
    night = shop.run(dt.date(2010, 2, 20))
    assert not night.open
    assert not (shop.store.root / "commits/retail/2010-02-20.json").exists()


def test_quarantined_rows_are_the_rows_that_scores_lack(shop: Shop) -> None:
    night = shop.run()
    ledger = _ledger(shop)
    assert night.rows_in == night.valid + night.quarantined
    scored = ledger.filter(pl.col("stage") == "score")["rows_out"].item()
    assert scored == night.scored
