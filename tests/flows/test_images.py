"""Handwritten digits by class: images of idx files, from the pipeline file to named scores."""

from __future__ import annotations

import datetime as dt
import struct
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from sklearn.datasets import load_digits

from flows.nightly import nightly
from flows.pipeline import load
from flows.training import train
from flows.training_report import Training

FIRST, NIGHTS = dt.date(2024, 3, 1), 4  # three to learn from, one to score
SIDE = 8

PIPELINE = {
    "name": "digits",
    "timezone": "UTC",
    "schedule": "0 3 * * *",
    "store": "./store",
    "sources": {
        "images": {
            "kind": "files",
            "path": "drops/{date}/*-ubyte",
            "format": "idx",
            "arrays": {"image": "images-idx3", "digit": "labels-idx1"},
            "schema": {"image": f"array(u8, {SIDE}, {SIDE})", "digit": "u8"},
        }
    },
    "event": {"table": "images", "key": ["_source", "_line"]},
    "label": {"kind": "class", "column": "digit", "normal": 0},
    "features": [
        {"family": "pixels", "column": "image", "height": SIDE, "width": SIDE, "largest": 16}
    ],
    "selection": {"method": "none"},
    "model": {"kind": "image_cnn", "width": 8, "stages": 2, "epochs": 6, "batch_rows": 64},
    "training": {"window": "10d", "split": {"kind": "random"}, "bootstrap_rounds": 0},
    "decision": {"kind": "budget", "per_day": 10},
}


def _idx(array: np.ndarray) -> bytes:
    """An array of bytes as its authors wrote MNIST: sizes, then the bytes, row by row."""
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Training]:
    """Some nights of digits, dealt in turn, and a model trained on all but the last."""
    folder = tmp_path_factory.mktemp("digits")
    images, labels = (load_digits()[name] for name in ("images", "target"))
    for night in range(NIGHTS):
        drop = folder / "drops" / str(FIRST + dt.timedelta(days=night))
        drop.mkdir(parents=True)
        (drop / "images-idx3-ubyte").write_bytes(_idx(images[night::NIGHTS]))
        (drop / "labels-idx1-ubyte").write_bytes(_idx(labels[night::NIGHTS]))
    file = folder / "digits.yaml"
    file.write_text(yaml.safe_dump(PIPELINE, sort_keys=False))
    return file, train.fn(str(file), FIRST + dt.timedelta(days=NIGHTS - 2))


def test_the_network_reads_the_images_and_names_digits(digits: tuple[Path, Training]) -> None:
    trained = digits[1].trained
    assert trained.failure == ""
    assert len(digits[1].selection.features) > SIDE * SIDE / 2
    found = {(m.model, m.metric): m.value for m in trained.metrics}
    assert found["image_cnn", "class_accuracy"] > 0.9


def test_a_night_names_the_digit_of_each_image(digits: tuple[Path, Training]) -> None:
    file, day = digits[0], FIRST + dt.timedelta(days=NIGHTS - 1)
    night = nightly.fn(str(file), day)
    root = load(str(file)).store.root / f"reports/digits/scores/batch_date={day}"
    scores = pl.read_parquet(root / "night.parquet", hive_partitioning=False).sort("_line")
    truth = load_digits()["target"][NIGHTS - 1 :: NIGHTS]
    assert night.score_source == "champion"
    assert night.scored == scores.height == len(truth)
    assert (scores["predicted"].cast(pl.Int64).to_numpy() == truth).mean() > 0.9
    alerts = scores.filter(pl.col("decision") == "alert")
    assert (alerts["reasons"].list.len() > 0).all()
    assert all("@" in each["feature"] for each in alerts["reasons"].explode().to_list())
