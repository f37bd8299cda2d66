"""KDD Cup 1999 by class: which attack is it? Trained, measured and scored by one pipeline file."""

from __future__ import annotations

import datetime as dt
import math
import shutil
from pathlib import Path

import polars as pl
import pytest
import yaml

from flows.demo.layout import lay_out_intrusion
from flows.model_card import card, markdown
from flows.nightly import nightly
from flows.pipeline import SHIPPED, load
from flows.training import train
from flows.training_report import Training
from tasks.models.aliases import read_aliases

TRAINED_BY, NIGHT = dt.date(1999, 3, 2), dt.date(1999, 3, 3)
NORMAL = "normal."


@pytest.fixture(scope="module")
def sensor(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Training]:
    """Two drops of the shipped sample, whose attacks are learned by name."""
    folder = tmp_path_factory.mktemp("sensor")
    for day in lay_out_intrusion(folder, SHIPPED / "intrusion.yaml"):
        if day > NIGHT:
            shutil.rmtree(folder / "drops" / str(day))
    file = folder / "intrusion.yaml"
    config = yaml.safe_load(file.read_text())
    config["label"] = {"kind": "class", "column": "label", "normal": NORMAL}
    config["selection"] = {
        "method": "shadow",
        "rounds": 10,
        "max_rows": 2000,
        "trees": {"trees": 5},
    }
    config["model"] = {"kind": "tabm", "epochs": 2, "heads": 2, "width": 32}
    config["training"] |= {"window": "4d", "bootstrap_rounds": 10}
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    return file, train.fn(str(file), TRAINED_BY)


def _of(training: Training, model: str, split: str = "test") -> dict[str, float]:
    metrics = training.trained.metrics
    return {m.metric: m.value for m in metrics if (m.model, m.split) == (model, split)}


def _table(file: Path, name: str) -> pl.DataFrame:
    root = load(str(file)).store.root / f"reports/intrusion/{name}/batch_date={NIGHT}"
    return pl.read_parquet(root / "night.parquet", hive_partitioning=False)


def _truth(file: Path) -> pl.Series:
    drop = next((file.parent / "drops" / str(NIGHT)).glob("*.csv"))
    return pl.read_csv(drop, has_header=False)[:, -1]


@pytest.mark.parametrize("model", ["tabm", "xgboost"])
def test_both_models_are_measured_by_class_and_by_what_is_looked_for(
    sensor: tuple[Path, Training], model: str
) -> None:
    found = _of(sensor[1], model)
    assert found["roc_auc"] > 0.99
    assert 0.6 < found["base_rate"] < 0.9
    assert found["class_accuracy"] > 0.97
    assert 0 < found["class_macro_f1"] < found["class_accuracy"]
    for common in (NORMAL, "smurf.", "neptune."):
        assert found[f"class_recall: {common}"] > 0.95
    # Rows that repeat are the easy ones.
    assert _of(sensor[1], model, "test_deduplicated")["class_accuracy"] < found["class_accuracy"]


def test_the_page_tells_of_each_class(sensor: tuple[Path, Training]) -> None:
    page = (load(str(sensor[0])).store.root / sensor[1].report).read_text()
    assert page.count("The confusion matrix of") == 2
    assert '<th scope="row">neptune.</th>' in page
    assert "class recall" not in page  # they have a table of their own


def test_features_are_chosen_by_what_tells_classes(sensor: tuple[Path, Training]) -> None:
    assert 3 < len(sensor[1].selection.features) < len(sensor[1].selection.verdicts)


def test_measures_of_classes_have_intervals(sensor: tuple[Path, Training]) -> None:
    told = [m for m in sensor[1].trained.metrics if m.metric == "class_accuracy"]
    assert told
    for metric in told:
        assert metric.low is not None
        assert metric.high is not None
        assert metric.low <= metric.value <= metric.high


def test_the_card_says_which_classes_it_names(sensor: tuple[Path, Training]) -> None:
    pipeline = load(str(sensor[0]))
    aliases = read_aliases(pipeline.store, pipeline.name)
    told = markdown(card(pipeline, aliases, sensor[1].trained.model))
    assert "| class accuracy |" in told
    limit = next(line for line in told.splitlines() if line.startswith("- It names"))
    assert NORMAL in limit
    assert "neptune." in limit


def test_positives_of_each_part_are_what_is_looked_for(sensor: tuple[Path, Training]) -> None:
    for part in sensor[1].trained.parts:
        assert math.isclose(part.positives / part.rows, 0.8, abs_tol=0.05), part


def test_a_night_names_the_class_of_each_event(sensor: tuple[Path, Training]) -> None:
    file, _ = sensor
    night = nightly.fn(str(file), NIGHT)
    scores = _table(file, "scores").sort("_line")
    truth = _truth(file)
    assert night.scored == scores.height == len(truth)
    assert scores["predicted"].null_count() == 0
    assert (scores["predicted"] == truth).mean() > 0.97
    called, attack = scores["decision"] == "alert", truth != NORMAL
    assert (called == attack).mean() > 0.98
    # The rule decides by all attacks together, the name is of the likeliest: they mostly agree.
    assert (called == (scores["predicted"] != NORMAL)).mean() > 0.98
    alerts = _table(file, "alerts").sort("event_id")
    beside = scores.filter(called).sort("event_id")
    assert alerts["predicted"].to_list() == beside["predicted"].to_list()
