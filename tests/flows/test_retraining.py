"""What nights turned out to be worth, trainings that are due, and who is told."""

from __future__ import annotations

import datetime as dt
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import polars as pl
import pytest
import yaml
from click.testing import CliRunner

from flows.backfill import backfill
from flows.cli import cli
from flows.demo.services import demo_services
from flows.monitoring import monitor
from flows.pipeline import environment
from tasks.core.errors import SourceMissingError
from tasks.models.aliases import read_aliases
from tests.flows.conftest import LAST, NIGHT, Shop

SECRET = "hook-7c1f"


def _monitor(shop: Shop, day: dt.date, train: bool = False) -> Any:
    with demo_services(str(shop.file)):
        return monitor.fn(str(shop.file), day, train)


def _realised(shop: Shop) -> dict[str, Any]:
    path = shop.store.root / f"reports/retail/realised/batch_date={NIGHT}/night.parquet"
    return pl.read_parquet(path, hive_partitioning=False).row(0, named=True)


def _watch(shop: Shop, **monitoring: Any) -> None:
    config = yaml.safe_load(shop.file.read_text())
    shop.file.write_text(yaml.safe_dump({**config, "monitoring": monitoring}, sort_keys=False))


def test_a_night_is_estimated_until_its_labels_are_there(shop: Shop) -> None:
    shop.run(NIGHT)
    _monitor(shop, NIGHT)
    early = _realised(shop)
    assert (early["status"], early["known"], early["precision"]) == ("estimated", 0, None)
    assert early["expected_precision_low"] <= early["expected_precision"]
    assert early["expected_precision"] <= early["expected_precision_high"]
    shop.bring_answers()
    _monitor(shop, NIGHT + dt.timedelta(days=40))
    late = _realised(shop)
    assert (late["status"], late["known"]) == ("realised", late["scored"])
    assert late["precision"] == late["hits"] / late["alerts"]
    assert late["expected_precision"] == early["expected_precision"]
    tables = shop.tables()
    _monitor(shop, NIGHT)  # what was known later stays
    assert shop.tables() == tables


def test_a_date_without_its_rows_leaves_the_labels_it_may_hold_open(shop: Shop) -> None:
    missing, later = NIGHT + dt.timedelta(days=2), NIGHT + dt.timedelta(days=40)
    shop.bring_answers()
    shop.run(NIGHT)
    drop = shop.drop(missing).read_bytes()
    shop.drop(missing).unlink()
    found = _monitor(shop, later)
    night = _realised(shop)
    assert (night["status"], night["known"], night["precision"]) == ("estimated", 0, None)
    assert [told for told in found.warnings if told.startswith(f"Labels lack {missing}: ")]
    shop.drop(missing).write_bytes(drop)
    assert not _monitor(shop, later).warnings
    night = _realised(shop)
    assert (night["status"], night["known"]) == ("realised", night["scored"])


def test_an_old_model_is_trained_anew_where_it_is_asked_for(shop: Shop) -> None:
    _watch(shop, retrain={"age": "3d"})
    shop.run(NIGHT)
    before = read_aliases(shop.store, "retail").champion
    found = _monitor(shop, LAST)
    assert [reason.rule for reason in found.due] == ["age"]
    assert read_aliases(shop.store, "retail").champion == before
    record = json.loads((shop.store.root / f"commits/retail/due-{LAST}.json").read_text())
    assert "2010-02-18" in record["facts"]["reasons"][0]["text"]
    _monitor(shop, LAST, train=True)
    assert read_aliases(shop.store, "retail").champion != before
    assert _monitor(shop, LAST).due == ()


def test_a_training_that_makes_a_challenger_is_asked_for_once_until_its_trial_ends(
    shop: Shop,
) -> None:
    _watch(shop, retrain={"age": "3d", "trial": "2d"})
    config = yaml.safe_load(shop.file.read_text())
    config["training"]["promotion"] = {"rule": "manual"}
    shop.file.write_text(yaml.safe_dump(config, sort_keys=False))
    shop.run(NIGHT)
    assert [reason.rule for reason in _monitor(shop, LAST, train=True).due] == ["age"]
    challenger = read_aliases(shop.store, "retail").versions["challenger"]
    for days in (0, 1, 11):  # ten until labels are known, and two to be judged by
        assert _monitor(shop, LAST + dt.timedelta(days=days)).due == ()
    assert read_aliases(shop.store, "retail").versions["challenger"] == challenger
    later = _monitor(shop, LAST + dt.timedelta(days=12))
    assert [reason.rule for reason in later.due] == ["age"]


@contextmanager
def _webhook(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    told: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.append({"path": self.path})  # as somebody would who follows a redirect
            self.send_error(405)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append({**json.loads(body), "path": self.path})
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/other")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"json://127.0.0.1:{server.server_port}/{SECRET}", told
        finally:
            server.shutdown()


def _deliveries(shop: Shop, day: dt.date = NIGHT) -> list[dict[str, Any]]:
    path = shop.store.root / f"notices/retail/batch_date={day}/notices.json"
    return json.loads(path.read_text())


def _written(shop: Shop) -> bytes:
    files = (path for path in shop.store.root.rglob("*") if path.is_file())
    return b"".join(path.read_bytes() for path in files)


def test_an_incident_is_told_with_its_reason_and_a_link(shop: Shop, caplog) -> None:  # type: ignore[no-untyped-def]
    _watch(shop, notify=[{"to": "${OPS}"}], link="https://reports.example/store/")
    shop.drop(NIGHT).unlink()
    caplog.set_level(logging.DEBUG)
    with (
        _webhook() as (address, told),
        environment({"OPS": address}),
        pytest.raises(SourceMissingError),
    ):
        shop.run()
    (notice,) = told
    assert notice["title"] == f"retail, {NIGHT}: stopped by SourceMissingError"
    assert f"drops/{NIGHT}/*.csv" in notice["message"]
    place = f"https://reports.example/store/incidents/retail/batch_date={NIGHT}/incident.html"
    assert place in notice["message"]
    assert [(each["to"], each["failure"]) for each in _deliveries(shop)] == [("OPS", "")]
    assert SECRET not in caplog.text
    assert SECRET.encode() not in _written(shop)


def test_a_backfill_tells_once_of_all_its_nights_that_drifted(shop: Shop) -> None:
    _watch(shop, notify=[{"to": "${OPS}", "on": ["drift"]}])
    header, *lines = shop.drop(NIGHT).read_text().splitlines()
    at = header.split(",").index("UnitPrice")
    rows = [line.split(",") for line in lines]
    dear = [",".join([*row[:at], row[at].replace(".", "0."), *row[at + 1 :]]) for row in rows]
    shop.drop(NIGHT).write_text("\n".join([header, *dear]) + "\n")
    later = NIGHT + dt.timedelta(days=1)
    with (
        _webhook() as (address, told),
        environment({"OPS": address}),
        demo_services(str(shop.file)),
    ):
        backfill.fn(str(shop.file), NIGHT, later)
    (notice,) = told
    assert notice["title"].startswith(f"retail, {NIGHT} to {later}: ")
    assert str(NIGHT) in notice["message"]
    assert "index.html" in notice["message"]


@pytest.mark.parametrize("status", [500, 302])
def test_a_notice_that_is_not_accepted_stops_nothing_and_is_recorded(shop: Shop, status) -> None:  # type: ignore[no-untyped-def]
    _watch(shop, retrain={"age": "1d"}, notify=[{"to": "${OPS}", "on": ["retraining"]}])
    with _webhook(status) as (address, told), environment({"OPS": address}):
        shop.run(NIGHT)
        found = _monitor(shop, NIGHT)
    assert [reason.rule for reason in found.due] == ["age"]
    assert {each["path"] for each in told} == {f"/{SECRET}"}  # no redirect is followed
    (delivery,) = _deliveries(shop)
    assert delivery["failure"] == "it was not accepted"
    assert delivery["notice"]["event"] == "retraining"


def test_an_address_that_is_not_set_stops_no_night_and_is_named(shop: Shop) -> None:
    _watch(shop, retrain={"age": "1d"}, notify=[{"to": "${OPS}", "on": ["retraining"]}])
    night = shop.run(NIGHT)
    told = "OPS is not set: nobody is told there of retraining"
    assert told in night.warnings
    runs = shop.store.root / f"reports/retail/runs/batch_date={NIGHT}/night.parquet"
    assert told in pl.read_parquet(runs)["warnings"][0]
    for command in ("check", "status"):
        found = CliRunner().invoke(cli, [command, str(shop.file), "--json"])
        assert told in found.output, command
    assert told in _monitor(shop, NIGHT).warnings
    (delivery,) = _deliveries(shop)
    assert delivery["failure"] == "no environment variable of that name is set"


def test_an_address_nobody_knows_is_recorded_by_its_name_alone(shop: Shop) -> None:
    _watch(shop, retrain={"age": "1d"}, notify=[{"to": "${OPS}"}])
    with environment({"OPS": f"nowhere-{SECRET}"}):
        shop.run(NIGHT)
        _monitor(shop, NIGHT)
    (delivery,) = _deliveries(shop)
    assert delivery["failure"] == "its value is no address that Apprise knows"
    assert SECRET.encode() not in _written(shop)
