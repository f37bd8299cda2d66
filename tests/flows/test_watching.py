"""What a night says of itself beside its scores: drift, and what it cost."""

from __future__ import annotations

import datetime as dt

import polars as pl

from tasks.models.aliases import read_aliases
from tasks.models.bundle import BASELINE, open_bundle
from tests.flows.conftest import NIGHT, Shop


def _table(shop: Shop, name: str, day: dt.date = NIGHT) -> pl.DataFrame:
    path = shop.store.root / f"reports/retail/{name}/batch_date={day}/night.parquet"
    return pl.read_parquet(path, hive_partitioning=False)


def test_every_feature_of_the_model_and_the_score_are_held_against_the_training(shop: Shop) -> None:
    night = shop.run()
    drift = _table(shop, "drift")
    champion = open_bundle(shop.store, read_aliases(shop.store, "retail").champion)
    features = drift.filter(kind="feature")
    assert sorted(features["name"]) == sorted(champion.facts.features)
    assert drift.filter(kind="score")["name"].to_list() == ["score"]
    assert (drift["rows"] == night.scored).all()
    page = (shop.store.root / night.report).read_text()
    assert 'id="drift"' in page
    assert "the score is " in page


def test_prices_ten_times_as_high_are_a_strong_drift(shop: Shop) -> None:
    before = shop.run()
    was = _table(shop, "drift").filter(name="log_UnitPrice")["psi"].item()
    header, *lines = shop.drop(NIGHT).read_text().splitlines()
    at = header.split(",").index("UnitPrice")
    dear = [line.split(",") for line in lines]
    rows = [
        ",".join([*row[:at], str(round(float(row[at]) * 10, 2)), *row[at + 1 :]])
        if row[at].replace(".", "").isdigit()
        else ",".join(row)
        for row in dear
    ]
    shop.drop(NIGHT).write_text("\n".join([header, *rows]) + "\n")
    after = shop.run()
    assert after.scored > before.scored / 2
    found = _table(shop, "drift").row(0, named=True)
    assert (found["name"], found["verdict"]) == ("log_UnitPrice", "strong")
    assert found["psi"] > 10 * was
    assert found["median"] > found["median_training"]


def test_a_damaged_baseline_leaves_the_night_whole_and_is_told(shop: Shop) -> None:
    champion = read_aliases(shop.store, "retail").champion
    shop.store.path(champion.uri).with_name(BASELINE).write_bytes(b"damaged")
    night = shop.run()
    assert night.score_source == "champion"
    assert _table(shop, "drift").is_empty()
    assert "Drift was not measured" in (shop.store.root / night.report).read_text()


def test_a_run_says_what_its_stages_cost_and_what_that_assumes(shop: Shop) -> None:
    text = shop.file.read_text() + "monitoring: {watts_per_core: 25}\n"
    shop.file.write_text(text)
    shop.run()
    (run,) = _table(shop, "runs").to_dicts()
    stages = {stage["stage"]: stage for stage in run["stages"]}
    assert {"ingest", "validate", "prepare", "features", "score", "drift", "report"} <= set(stages)
    assert run["cpu_seconds"] == sum(stage["cpu_seconds"] for stage in run["stages"])
    assert run["bytes_read"] == sum(stage["bytes_read"] for stage in run["stages"]) > 0
    assert stages["score"]["bytes_written"] > 0
    assert run["watts_per_core"] == 25
    assert run["energy_wh"] == run["cpu_seconds"] * 25 / 3600
