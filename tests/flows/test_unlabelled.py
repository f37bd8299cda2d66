"""A pipeline without any label, from the files to the report."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from pathlib import Path

import polars as pl
import pytest
import yaml

from flows.demo.layout import lay_out_intrusion
from flows.monitoring import monitor
from flows.nightly import nightly
from flows.pipeline import SHIPPED, load
from flows.training import train
from flows.training_report import Training
from tasks.core.errors import ConfigError

TRAINED_BY, NIGHT, AFTER = (dt.date(1999, 3, day) for day in (2, 3, 4))
QUICK = {"least_steps": 60, "most_steps": 60, "epochs": 2, "width": 32}
MODEL = {
    "kind": "ranks",
    "members": [{"kind": "isolation", "trees": 50}, {"kind": "autoencoder", **QUICK}],
}


@pytest.fixture(scope="module")
def sensor(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Training]:
    """Two drops of the shipped sample, learned from without their labels."""
    folder = tmp_path_factory.mktemp("sensor")
    for day in lay_out_intrusion(folder, SHIPPED / "intrusion-unlabelled.yaml"):
        if day > AFTER:
            shutil.rmtree(folder / "drops" / str(day))
    file = folder / "intrusion-unlabelled.yaml"
    config = yaml.safe_load(file.read_text())
    config["model"] = MODEL
    config["training"] |= {"window": "2d"}
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    return file, train.fn(str(file), TRAINED_BY)


def _published(file: Path, table: str, night: dt.date) -> pl.DataFrame:
    folder = load(str(file)).store.root / "reports/intrusion-unlabelled" / table
    return pl.read_parquet(folder / f"batch_date={night}/night.parquet", hive_partitioning=False)


def test_every_feature_that_varies_is_kept_and_nothing_is_measured(
    sensor: tuple[Path, Training],
) -> None:
    _, training = sensor
    reasons = {verdict.reason for verdict in training.selection.verdicts}
    assert reasons == {"kept without a test", "the same in every row"}
    assert len(training.selection.features) > 60
    assert not training.trained.failure
    assert not training.trained.metrics
    assert [part.positives for part in training.trained.parts] == [0, 0, 0, 0]


def test_a_night_is_scored_with_p_values_and_without_probabilities(
    sensor: tuple[Path, Training],
) -> None:
    file, _ = sensor
    night = nightly.fn(str(file), NIGHT)
    scores = _published(file, "scores", NIGHT)
    assert night.score_source == "champion"
    assert scores["probability"].null_count() == scores.height == 7_000
    # Conformal: about as many of an ordinary night are below a level as the level says.
    assert (scores["p_value"] <= 0.05).mean() == pytest.approx(0.05, abs=0.02)
    assert scores["fallback_score"].null_count() == 0
    alerts = _published(file, "alerts", NIGHT)
    assert alerts.height == 100
    assert alerts["severity"].null_count() == 100
    assert (alerts["reasons"].list.len() > 0).all()


def test_the_pages_of_night_and_training_say_that_nobody_can_say(
    sensor: tuple[Path, Training],
) -> None:
    file, training = sensor
    nightly.fn(str(file), NIGHT)
    root = load(str(file)).store.root
    page = root / f"reports/intrusion-unlabelled/report/batch_date={NIGHT}/report.html"
    text = page.read_text(encoding="utf-8")
    assert "no label, so nobody can say" in text
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    assert (root / training.report).is_file()


def test_an_isolation_forest_scores_where_the_model_is_damaged(
    sensor: tuple[Path, Training],
) -> None:
    file, training = sensor
    folder = load(str(file)).store.root / f"models/intrusion-unlabelled/{training.trained.version}"
    weights = folder / "model.safetensors"
    kept = weights.read_bytes()
    weights.chmod(0o600)
    weights.write_bytes(kept[:-1] + b"\0")
    try:
        night = nightly.fn(str(file), AFTER)
    finally:
        weights.write_bytes(kept)
    assert night.score_source == "fallback"
    scores = _published(file, "scores", AFTER)
    assert (scores["score"] < 0).all()  # of an isolation forest, minus steps in usual steps
    assert scores["probability"].null_count() == scores.height


def test_what_needs_labels_says_so(sensor: tuple[Path, Training], tmp_path: Path) -> None:
    file, _ = sensor
    with pytest.raises(ConfigError, match="label"):
        monitor.fn(str(file), NIGHT)
    config = yaml.safe_load(file.read_text())
    for change in (
        {"model": {"kind": "tabm"}},
        {"model": {"kind": "ranks", "members": [{"kind": "pca"}, {"kind": "xgboost"}]}},
        {"selection": {"method": "shadow"}},
        {"decision": {"kind": "threshold", "probability": 0.5}},
    ):
        other = tmp_path / "other.yaml"
        other.write_text(yaml.safe_dump(config | change))
        with pytest.raises(ConfigError, match="label"):
            load(str(other))


def test_without_a_word_on_labels_there_are_none(sensor: tuple[Path, Training]) -> None:
    file, _ = sensor
    config = yaml.safe_load(file.read_text())
    for key in ("label", "model", "selection", "decision"):
        del config[key]
    short = file.with_name("short.yaml")
    short.write_text(yaml.safe_dump(config))
    loaded = load(str(short)).config
    assert (loaded.label.kind, loaded.model.kind) == ("none", "ranks")
    assert (loaded.selection.method, loaded.decision.kind) == ("none", "budget")
