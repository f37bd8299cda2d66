"""Quantities of purchase lines: a label of values from the pipeline file to what became of them."""

from __future__ import annotations

import datetime as dt
import math
import shutil
from pathlib import Path

import polars as pl
import pytest
import yaml

from flows.demo.layout import lay_out_retail
from flows.model_card import card, markdown
from flows.monitoring import monitor
from flows.nightly import nightly
from flows.pipeline import SHIPPED, load
from flows.publishing import Night
from flows.training import train
from flows.training_report import Training
from tasks.models.aliases import read_aliases

TRAINED_BY, NIGHT = dt.date(2010, 2, 10), dt.date(2010, 2, 11)
NAME = "retail-quantity"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Training, Night]:
    """Some weeks of the shipped sample: trained, and one night scored."""
    folder = tmp_path_factory.mktemp("shop")
    for day in lay_out_retail(folder, SHIPPED / f"{NAME}.yaml"):
        if day > NIGHT:
            shutil.rmtree(folder / "drops" / str(day))
    file = folder / f"{NAME}.yaml"
    config = yaml.safe_load(file.read_text())
    config["model"] = {"kind": "tabm", "epochs": 2, "heads": 2, "width": 16, "huber": 1.0}
    config["training"] |= {"window": "21d", "bootstrap_rounds": 10}
    config["training"]["promotion"] = {"rounds": 100}
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    return file, train.fn(str(file), TRAINED_BY), nightly.fn(str(file), NIGHT)


def _of(training: Training, model: str) -> dict[str, float]:
    metrics = training.trained.metrics
    return {m.metric: m.value for m in metrics if (m.model, m.split) == (model, "test")}


def _table(file: Path, name: str) -> pl.DataFrame:
    root = load(str(file)).store.root / f"reports/{NAME}/{name}/batch_date={NIGHT}"
    return pl.read_parquet(root / "night.parquet", hive_partitioning=False)


def _truth(file: Path) -> pl.DataFrame:
    lines = pl.read_csv(file.parent / "drops" / str(NIGHT) / "lines.csv", infer_schema=False)
    named = pl.concat_str("InvoiceNo", "StockCode", "line", separator="|")
    return lines.select(event_id=named, quantity=pl.col("Quantity").cast(pl.Float64))


@pytest.mark.parametrize("model", ["tabm", "xgboost"])
def test_both_models_are_measured_by_their_misses(
    shop: tuple[Path, Training, Night], model: str
) -> None:
    found = _of(shop[1], model)
    assert not {"average_precision", "base_rate", "brier"} & set(found)
    assert found["rmse"] > found["mae"] > 0
    assert found["r2"] < 1
    assert 0.82 < found["interval_coverage"] < 0.97
    # The largest predictions of a day are of lines that order more than others.
    assert found["mean_value_at_40_a_day"] > 1.5 * found["mean_value"]


def test_features_are_chosen_by_what_tells_the_number(shop: tuple[Path, Training, Night]) -> None:
    chosen = shop[1].selection
    assert chosen.method == "null_importance"
    assert 0 < len(chosen.features) < len(chosen.verdicts)
    assert any("quantity" in name for name in chosen.features)
    assert not any(name.split(".")[0] == "Quantity" for name in chosen.features)


def test_a_night_tells_values_with_intervals_that_hold_as_many_as_they_say(
    shop: tuple[Path, Training, Night],
) -> None:
    file, _, night = shop
    scores = _table(file, "scores").join(_truth(file), on="event_id", validate="1:1")
    assert night.scored == scores.height > 300
    assert (scores["interval_low"] <= scores["interval_high"]).all()
    assert scores["interval_level"].unique().to_list() == [0.9]
    held = scores["quantity"].is_between(scores["interval_low"], scores["interval_high"])
    assert 0.8 < held.to_numpy().mean() < 0.98
    for empty in ("probability", "q_value", "predicted"):
        assert scores[empty].null_count() == scores.height


def test_the_largest_predictions_are_the_alerts_and_their_reasons_add_up(
    shop: tuple[Path, Training, Night],
) -> None:
    file, _, night = shop
    alerts, scores = _table(file, "alerts"), _table(file, "scores")
    assert night.alerts == alerts.height == 40
    assert alerts["score"].to_list() == scores["score"].top_k(40).sort(descending=True).to_list()
    assert all(alerts["reasons"].list.len() > 0)
    assert not any("reasons" in warning for warning in night.warnings)


def test_pages_show_predictions_in_place_of_ranking_curves(
    shop: tuple[Path, Training, Night],
) -> None:
    file, training, night = shop
    root = load(str(file)).store.root
    for page in ((root / training.report).read_text(), (root / night.report).read_text()):
        for title in ("Predicted and true values", "Misses", "Intervals"):
            assert f"<h3>{title}</h3>" in page
        assert "RMSE" in page
        assert "ROC" not in page
        assert ">nan<" not in page
    assert "Mean value" in (root / training.report).read_text()
    assert "Expected hits" not in (root / night.report).read_text()


def test_the_card_tells_of_values(shop: tuple[Path, Training, Night]) -> None:
    pipeline = load(str(shop[0]))
    aliases = read_aliases(pipeline.store, pipeline.name)
    told = markdown(card(pipeline, aliases, shop[1].trained.model))
    assert "| rmse |" in told
    assert "mean value" in told
    assert "ordinary calibration rows" not in told


def test_known_values_say_what_the_night_was_worth(shop: tuple[Path, Training, Night]) -> None:
    file, _, _ = shop
    (quality,) = monitor.fn(str(file), NIGHT).nights
    truth = _table(file, "scores").join(_truth(file), on="event_id")
    errors = (truth["score"] - truth["quantity"]).to_numpy()
    assert quality.of_values is not None
    assert quality.status == "realised"
    assert math.isclose(quality.of_values.rmse or 0, float((errors**2).mean() ** 0.5))
    assert (quality.of_values.value_of_alerts or 0) > (quality.of_values.mean_value or 0)
    root = load(str(file)).store.root / f"reports/{NAME}/realised/batch_date={NIGHT}"
    row = pl.read_parquet(root, hive_partitioning=False).row(0, named=True)
    assert math.isclose(row["rmse"], quality.of_values.rmse or 0)
    assert row["positives"] is None
    assert row["average_precision"] is None


def test_a_second_model_has_to_predict_better(shop: tuple[Path, Training, Night]) -> None:
    again = train.fn(str(shop[0]), NIGHT)
    assert "RMSE" in again.standing.order.why or "later rows" in again.standing.order.why


def test_xgboost_predicts_where_the_model_is_damaged(
    shop: tuple[Path, Training, Night], tmp_path: Path
) -> None:
    file, training, _ = shop
    copy = tmp_path / "shop"
    shutil.copytree(file.parent, copy)
    root = load(str(copy / file.name)).store.root
    for weights in (root / "models" / NAME).glob("*/model.safetensors"):
        weights.write_bytes(weights.read_bytes()[:-8])
    night = nightly.fn(str(copy / file.name), NIGHT)
    assert night.score_source == "fallback"
    scores = _table(copy / file.name, "scores")
    assert scores["interval_low"].null_count() == 0
    assert math.isclose(scores["score"].mean(), 10, abs_tol=10)
    assert training.trained.failure == ""
