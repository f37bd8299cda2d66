"""Meters that jump: what a machine's last readings say, from the pipeline file to scores."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from flows.nightly import nightly
from flows.pipeline import load
from flows.training import train
from flows.training_report import Training

FIRST, NIGHTS, MACHINES, STEPS = dt.date(2024, 3, 1), 8, 12, 6
HOURS = 24

PIPELINE = {
    "name": "meters",
    "timezone": "UTC",
    "schedule": "0 3 * * *",
    "store": "./store",
    "sources": {
        "readings": {
            "kind": "files",
            "path": "drops/{date}/*.csv",
            "schema": {
                "id": "str",
                "machine": "str",
                "at": "datetime",
                "level": "f64",
                "fault": "i8",
            },
            "key": ["id"],
        }
    },
    "event": {"table": "readings", "key": ["id"], "time": "at", "entities": ["machine"]},
    "label": {"kind": "column", "column": "fault", "positive": [1]},
    "features": [
        {
            "family": "sequence",
            "entity": ["machine"],
            "steps": STEPS,
            "within": "2d",
            "values": {"level": "level"},
        }
    ],
    "selection": {"method": "none"},
    "model": {"kind": "recurrent", "epochs": 8, "batch_rows": 64, "learning_rate": 1e-2},
    "training": {"window": "7d", "split": {"kind": "time"}, "bootstrap_rounds": 0},
    "decision": {"kind": "budget", "per_day": 20},
}


def readings(night: int, generator: np.random.Generator) -> pl.DataFrame:
    """A day of readings; a fault is one that lies far above the machine's reading before it."""
    start = dt.datetime.combine(FIRST, dt.time()) + dt.timedelta(days=night)
    rows = []
    for machine in range(MACHINES):
        level = generator.normal(size=HOURS)
        faults = (np.diff(level, prepend=level[0]) > 1.5).astype(int)
        for hour in range(HOURS):
            at = start + dt.timedelta(hours=hour, minutes=machine)
            rows.append((f"{machine}-{at:%d%H}", f"m{machine}", at, level[hour], faults[hour]))
    schema = ["id", "machine", "at", "level", "fault"]
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.fixture(scope="module")
def meters(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Training]:
    """Some days of readings, and a model trained on all but the last."""
    folder, generator = tmp_path_factory.mktemp("meters"), np.random.default_rng(0)
    for night in range(NIGHTS):
        drop = folder / "drops" / str(FIRST + dt.timedelta(days=night))
        drop.mkdir(parents=True)
        readings(night, generator).write_csv(
            drop / "readings.csv", datetime_format="%Y-%m-%d %H:%M:%S"
        )
    file = folder / "meters.yaml"
    file.write_text(yaml.safe_dump(PIPELINE, sort_keys=False))
    return file, train.fn(str(file), FIRST + dt.timedelta(days=NIGHTS - 2))


def test_the_network_finds_what_lies_in_the_order(meters: tuple[Path, Training]) -> None:
    trained = meters[1].trained
    assert trained.failure == ""
    found = {(m.model, m.metric): m.value for m in trained.metrics if m.split == "test"}
    assert found["recurrent", "roc_auc"] > 0.9


def test_a_night_ranks_by_the_last_readings(meters: tuple[Path, Training]) -> None:
    file, day = meters[0], FIRST + dt.timedelta(days=NIGHTS - 1)
    night = nightly.fn(str(file), day)
    root = load(str(file)).store.root / f"reports/meters/scores/batch_date={day}"
    scores = pl.read_parquet(root / "night.parquet", hive_partitioning=False)
    truth = pl.read_csv(file.parent / "drops" / str(day) / "readings.csv")
    judged = scores.join(truth, left_on="event_id", right_on="id")
    assert night.score_source == "champion"
    assert judged.height == MACHINES * HOURS
    alerts = judged.filter(pl.col("decision") == "alert")
    assert alerts["fault"].sum() >= 16
    # The first reading of the day has its steps from the day before.
    assert (alerts["reasons"].list.len() > 0).all()
