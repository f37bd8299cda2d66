"""Folds that learn everything anew: what was learned of the block that judges would tell it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from flows.pipeline import load
from flows.training import train

FIRST, DAYS, ROWS = dt.date(2024, 3, 1), 12, 120
PIPELINE = {
    "name": "leak",
    "timezone": "UTC",
    "schedule": "0 3 * * *",
    "store": "./store",
    "sources": {
        "lines": {
            "kind": "files",
            "path": "drops/{date}/*.csv",
            "schema": {
                "line": "str",
                "at": "datetime",
                "code": "f64",
                "hint": "f64",
                "fraud": "i64",
                "judged": "i64",
            },
        }
    },
    # The rows with a hint are no events: preparation learns from them, nothing judges by them.
    "event": {"table": "lines", "key": ["line"], "time": "at", "where": "judged = 1"},
    "label": {"kind": "column", "column": "fraud", "positive": [1], "delay": "0d"},
    "prepare": {
        "missing": {"columns": {"hint": {"method": "xgboost", "inputs": ["code"], "rounds": 200}}}
    },
    "features": [{"family": "columns", "columns": ["hint"]}],
    "selection": {"method": "none"},
    "model": {"kind": "linear", "penalties": [0.001]},
    "decision": {"kind": "budget", "per_day": 10},
}


def _drop(folder: Path, place: int, generator: np.random.Generator) -> None:
    """Half of a date's rows hint at the label of the other half, which have the same codes."""
    day = FIRST + dt.timedelta(days=place)
    labels, codes = generator.integers(0, 2, ROWS // 2), place * 1000 + np.arange(ROWS // 2)
    half = pl.DataFrame({"code": codes.astype(float), "fraud": labels})
    hinting = half.with_columns(hint=pl.col("fraud").cast(pl.Float64))
    rows = pl.concat([hinting, half.with_columns(hint=pl.lit(None, pl.Float64))]).with_row_index()
    moment = dt.datetime.combine(day, dt.time())
    (folder / "drops" / str(day)).mkdir(parents=True)
    rows.select(
        line=pl.format("{}-{}", pl.lit(str(day)), "index"),
        at=pl.lit(moment) + pl.duration(minutes="index"),
        code="code",
        hint="hint",
        fraud="fraud",
        judged=pl.col("hint").is_null().cast(pl.Int64),
    ).write_csv(folder / "drops" / str(day) / "lines.csv")


@pytest.mark.parametrize("past_only", [True, False])
def test_a_leak_of_what_is_learned_outside_of_a_fold_is_not_measured(
    tmp_path: Path, past_only: bool
) -> None:
    """Fitted on all folds, the filled hints give every label away; fitted within, none."""
    generator = np.random.default_rng(0)
    for place in range(DAYS):
        _drop(tmp_path, place, generator)
    folds = {"kind": "blocks", "folds": 3, "past_only": past_only}
    training = {"window": f"{DAYS}d", "folds": folds, "bootstrap_rounds": 0}
    file = tmp_path / "leak.yaml"
    file.write_text(yaml.safe_dump({**PIPELINE, "training": training}, sort_keys=False))
    done = train.fn(str(file), FIRST + dt.timedelta(days=DAYS - 1))
    found = {m.split: m.value for m in done.trained.metrics if m.metric == "roc_auc"}
    assert {"fold_1", "fold_2", "fold_3", "folds"} <= set(found)
    assert found["folds"] == pytest.approx(0.5, abs=0.12)
    root = load(str(file)).store.root
    assert not [path for path in root.rglob("fold-*") if path.is_file()]
