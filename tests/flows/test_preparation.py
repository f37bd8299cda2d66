"""Preparation from training to the night: the same rows, told of, never in the way of scores."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import polars as pl
import pytest
import yaml

from flows.demo.services import demo_services
from flows.training import train
from flows.training_report import Training
from tasks.models.aliases import read_aliases
from tests.flows.conftest import NIGHT, TRAINED_BY, Shop

SEEN = dt.date(2010, 2, 5)  # within the training's dates
PREPARE = {
    "outliers": {
        "columns": {
            "UnitPrice": {"method": "mad", "action": "mark"},
            "Quantity": {"method": "iqr", "widen": 20, "action": "drop"},
        },
        "together": [{"columns": ["Quantity", "UnitPrice"], "trees": 20}],
    },
    "categories": {"columns": {"Country": {"share": 0.01}}},
    "missing": {
        "columns": {
            "Country": {"method": "xgboost", "inputs": ["Quantity", "UnitPrice"], "rounds": 5},
            "Description": {
                "method": "forward",
                "by": "StockCode",
                "within": "3d",
                "indicator": True,
            },
        }
    },
    "scaling": {"numeric": "robust"},
}
ADDED = ["UnitPrice_outlier", "isolation_outlier", "Description_missing", "UnitPrice_scaled"]


@pytest.fixture(scope="module")
def taught(trained_shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, Training]:
    folder = tmp_path_factory.mktemp("prepared") / "demo"
    shutil.copytree(trained_shop.folder, folder)
    shop = Shop(folder)
    config = yaml.safe_load(shop.file.read_text())
    config["prepare"] = PREPARE
    config["features"].append({"family": "columns", "columns": ADDED})
    config["model"] = {"kind": "xgboost", "rounds": 20}
    config["training"]["folds"] = {"kind": "random", "folds": 2}
    shop.file.write_text(yaml.safe_dump(config, sort_keys=False))
    with demo_services(str(shop.file)):
        return shop, train.fn(str(shop.file), TRAINED_BY)


def prepared(shop: Shop, batch: str) -> pl.DataFrame:
    (file,) = (shop.store.root / f"prepared/retail/lines/batch_date={batch}").glob("*.parquet")
    return pl.read_parquet(file, hive_partitioning=False)


def table(shop: Shop, name: str, date: dt.date, file: str) -> pl.DataFrame:
    path = shop.store.root / f"reports/retail/{name}/batch_date={date}/{file}.parquet"
    return pl.read_parquet(path, hive_partitioning=False)


def test_a_night_prepares_a_date_as_training_did(taught: tuple[Shop, Training]) -> None:
    shop, _ = taught
    shop.run(SEEN)
    own = pl.col("batch_date") == SEEN
    tonight, then = (prepared(shop, batch).filter(own) for batch in (str(SEEN), "models"))
    assert tonight.height > 100
    assert tonight.equals(then)
    assert {*ADDED, "set_aside"} <= set(tonight.columns)


def test_columns_that_preparation_adds_reach_the_features_by_name(
    taught: tuple[Shop, Training],
) -> None:
    _, training = taught
    assert set(ADDED) <= {verdict.feature for verdict in training.selection.verdicts}


def test_rows_set_aside_are_not_fitted_on_and_the_ledger_says_why(
    taught: tuple[Shop, Training],
) -> None:
    shop, training = taught
    ledger = table(shop, "ledger", TRAINED_BY, "training")
    assert ledger["stage"].to_list() == ["prepare", "features", "examples"]
    rejected = {
        each["reason"]: each["rows"]
        for each in ledger.filter(stage="examples")["rejected_reasons"][0]
    }
    assert rejected["outlier in Quantity"] > 0
    assert training.rows == ledger["rows_out"][-1] == sum(p.rows for p in training.trained.parts)


def test_treatments_are_told_with_the_rows_they_touched(taught: tuple[Shop, Training]) -> None:
    shop, _ = taught
    told = table(shop, "preparation", TRAINED_BY, "training")
    assert told["step"].to_list() == [
        *["outliers"] * 3,
        "categories",
        *["missing"] * 2,
        *["scaling"] * 2,
    ]
    marked = told.filter(column="UnitPrice", step="outliers").row(0, named=True)
    rows = prepared(shop, "models").filter(
        pl.col("batch_date").is_between(dt.date(2010, 1, 28), dt.date(2010, 2, 8))
    )
    assert (marked["rows"], marked["touched"]) == (rows.height, rows["UnitPrice_outlier"].sum())
    page = next((shop.store.root / "reports").rglob("training.html")).read_text()
    assert "mad, mark" in page


def test_folds_are_measured_beside_the_test_part(taught: tuple[Shop, Training]) -> None:
    _, training = taught
    splits = {metric.split for metric in training.trained.metrics}
    assert {"test", "fold_1", "fold_2", "folds"} <= splits


def test_a_damaged_file_of_the_preparation_leaves_the_fallback_to_score(
    taught: tuple[Shop, Training], tmp_path: Path
) -> None:
    shutil.copytree(taught[0].folder, tmp_path / "demo")
    shop = Shop(tmp_path / "demo")
    aliases = read_aliases(shop.store, "retail")
    folder = shop.store.path(aliases.champion.uri).parent
    before = shop.store.path(aliases.previous.uri).parent
    (file,) = folder.glob("prepare-*.ubj")
    file.write_bytes(b"damaged")
    (before / "model.safetensors").write_bytes(b"damaged")
    night = shop.run(NIGHT)
    assert (night.score_source, night.model_version) == ("fallback", folder.name)
    assert night.scored > 0
    assert "SHA-256" in night.degraded
