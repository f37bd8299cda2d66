"""KDD Cup 1999: files only, no event time, raw and de-duplicated figures side by side."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import polars as pl
import pytest
import yaml

from flows.demo.layout import lay_out_intrusion
from flows.nightly import nightly
from flows.pipeline import SHIPPED, load
from flows.training import train
from flows.training_report import Training

TRAINED_BY, NIGHT = dt.date(1999, 3, 4), dt.date(1999, 3, 5)


@pytest.fixture(scope="module")
def sensor(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Training]:
    """Four drops of the shipped sample, learned from."""
    folder = tmp_path_factory.mktemp("sensor")
    for day in lay_out_intrusion(folder, SHIPPED / "intrusion.yaml"):
        if day > NIGHT:
            shutil.rmtree(folder / "drops" / str(day))
    file = folder / "intrusion.yaml"
    config = yaml.safe_load(file.read_text())
    config["model"] = {"kind": "tabm", "epochs": 2, "heads": 2, "width": 32}
    config["training"] |= {"window": "4d", "bootstrap_rounds": 20}
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    return file, train.fn(str(file), TRAINED_BY)


def _metric(training: Training, name: str, split: str) -> float:
    model = training.trained.metrics[0].model
    found = {(m.model, m.split, m.metric): m.value for m in training.trained.metrics}
    return found[model, split, name]


def test_raw_and_deduplicated_figures_stand_side_by_side(sensor: tuple[Path, Training]) -> None:
    _, training = sensor
    rows = {m.split: m.rows for m in training.trained.metrics}
    assert rows["test_deduplicated"] < rows["test"] / 2
    assert _metric(training, "accuracy", "test") > 0.99
    # At a chance of a half, which calibration may set above or below the balance of both errors.
    assert _metric(training, "recall", "test") > 0.98
    assert _metric(training, "roc_auc", "test") > 0.999
    assert _metric(training, "base_rate", "test") > 0.7
    assert _metric(training, "base_rate", "test_deduplicated") < 0.6
    # Repeated rows flatter: that is why both are told.
    raw, once = (_metric(training, "accuracy", split) for split in ("test", "test_deduplicated"))
    assert once < raw


def test_the_test_part_is_the_declared_share(sensor: tuple[Path, Training]) -> None:
    _, training = sensor
    parts = {part.part: part.rows for part in training.trained.parts}
    assert parts["test"] / sum(parts.values()) == pytest.approx(0.3, abs=0.01)


def test_a_drop_is_scored_without_any_history(sensor: tuple[Path, Training]) -> None:
    file, _ = sensor
    night = nightly.fn(str(file), NIGHT)
    assert night.scored == night.valid == 7_000
    root = load(str(file)).store.root
    table = root / f"reports/intrusion/scores/batch_date={NIGHT}/night.parquet"
    scores = pl.read_parquet(table, hive_partitioning=False)
    assert scores.columns[:2] == ["_source", "_line"]
    assert scores["event_time"].null_count() == scores.height
    called = (scores["decision"] == "alert").mean()
    assert called == pytest.approx(0.8, abs=0.05)
