"""What a night says of itself beside its scores: drift, what changed, and what it cost."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
import yaml

from flows.demo.services import demo_services
from flows.training import train
from tasks.models.aliases import read_aliases
from tasks.models.bundle import BASELINE, open_bundle
from tests.flows.conftest import NIGHT, TRAINED_BY, Shop

NEXT = NIGHT + dt.timedelta(days=1)


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
    (told,) = (each for each in after.warnings if each.startswith("Far from its training"))
    assert told in _table(shop, "runs")["warnings"][0]
    page = (shop.store.root / after.report).read_text()
    assert "Read this first" in page
    assert "Far from its training" in page
    index = (shop.store.root / "reports/retail/index.html").read_text()
    assert "Far from its training" in index
    assert "none of them without a remark" in index


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


def _parts(shop: Shop, day: dt.date, measure: str = "alerts") -> dict[str, float]:
    rows = _table(shop, "changes", day).filter(measure=measure)
    assert rows["value"].sum() == pytest.approx((rows["after"] - rows["before"])[0], abs=1e-9)
    return dict(rows.select("part", "value").iter_rows())


def test_what_changed_is_told_once_both_nights_are_there_in_any_order(shop: Shop) -> None:
    shop.run(NEXT)
    assert not (shop.store.root / "reports/retail/changes").exists()
    night = shop.run(NIGHT)
    backwards = shop.tables()
    rows = _table(shop, "changes", NEXT)
    assert rows["compared_with"].unique().to_list() == [str(NIGHT)]
    parts = _parts(shop, NEXT)
    assert parts["features"] == parts["model"] == parts["together"] == 0.0
    assert parts["data"] == -parts["threshold"]  # ten alerts on both nights
    assert not any("compared" in warning for warning in night.warnings)
    page = shop.store.root / f"reports/retail/report/batch_date={NEXT}/report.html"
    assert page.read_text().count("What changed since last night") == 1
    shop.run(NEXT)
    assert shop.tables() == backwards


def test_a_new_model_is_told_from_new_data(shop: Shop) -> None:
    shop.run(NIGHT)
    config = yaml.safe_load(shop.file.read_text())
    config["training"]["seed"] = 5
    config["decision"] = {"kind": "threshold", "probability": 0.03}
    shop.file.write_text(yaml.safe_dump(config, sort_keys=False))
    shop.run(NIGHT)
    with demo_services(str(shop.file)):
        train.fn(str(shop.file), TRAINED_BY + dt.timedelta(days=1))
    shop.run(NEXT)
    rows = _table(shop, "changes", NEXT).filter(measure="alerts")
    changed = dict(rows.select("part", "changed").iter_rows())
    assert changed["data"]
    assert changed["model"]
    assert not changed["threshold"]
    assert not changed["together"]
    assert _parts(shop, NEXT)["threshold"] == 0.0
    assert not list((shop.store.root / "commits/retail").glob("changes-*"))


def test_a_model_that_is_gone_leaves_the_difference_together(shop: Shop) -> None:
    shop.run(NIGHT)
    first = read_aliases(shop.store, "retail").champion
    with demo_services(str(shop.file)):
        train.fn(str(shop.file), TRAINED_BY + dt.timedelta(days=1))
    for path in shop.store.path(first.uri).parent.iterdir():
        path.write_bytes(b"lost")
    shop.run(NEXT)
    parts = _parts(shop, NEXT, "expected_hits")
    assert parts["together"] != 0.0
    assert parts["data"] == parts["model"] == 0.0
