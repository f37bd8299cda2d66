"""What is selected: signals, not noise; the same each time; what the pipeline file forces."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from tasks.core.artifacts import Examples
from tasks.core.commit import open_run
from tasks.core.errors import ConfigError, DataError
from tasks.core.store import Store, table_uri
from tasks.select.config import SelectionConfig
from tasks.select.select import sample, select
from tasks.select.task import select as select_stage

Table = NDArray[np.float32]
Labels = NDArray[np.int8]
SMALL = {"trees": 15, "threads": 1}


def config(**keys: Any) -> SelectionConfig:
    return SelectionConfig.model_validate({"trees": SMALL, **keys})


def problem(rows: int, seed: int, signals: int = 4, noise: int = 12) -> tuple[Table, Labels]:
    generator = np.random.default_rng(seed)
    table = generator.normal(size=(rows, signals + noise)).astype(np.float32)
    score = table[:, :signals].sum(axis=1) + generator.logistic(size=rows)
    labels = (score > np.quantile(score, 0.9)).astype(np.int8)
    table[::13, 0] = np.nan
    return table, labels


def names(table: Table, signals: int = 4) -> list[str]:
    return [f"{'signal' if i < signals else 'noise'}{i:02d}" for i in range(table.shape[1])]


@pytest.mark.parametrize("method", ["null_importance", "shadow"])
def test_signals_are_told_from_noise(method: str) -> None:
    table, labels = problem(4000, seed=0)
    selection = select(table, labels, names(table), config(method=method))
    assert sorted(selection.features) == ["signal00", "signal01", "signal02", "signal03"]
    assert selection.method == method
    assert len(selection.verdicts) == table.shape[1]
    importances = [verdict.importance for verdict in selection.verdicts]
    assert importances == sorted(importances, reverse=True)
    assert all(
        v.reason.startswith("beats" if v.selected else "does not") for v in selection.verdicts
    )


@pytest.mark.parametrize("method", ["null_importance", "shadow"])
def test_the_same_seed_gives_the_same_selection_bit_by_bit(method: str) -> None:
    table, labels = problem(1500, seed=1)
    asked = config(method=method, max_rows=1000, seed=3)
    assert select(table, labels, names(table), asked) == select(table, labels, names(table), asked)


def test_pure_noise_selects_nothing() -> None:
    chosen = 0
    for seed in range(12):
        table, _ = problem(800, seed, signals=0, noise=20)
        labels = (np.random.default_rng(seed + 99).random(800) < 0.1).astype(np.int8)
        with contextlib.suppress(DataError):
            select(table, labels, names(table, 0), config(seed=seed))
            chosen += 1
    assert chosen <= 2


def test_features_are_kept_dropped_and_bounded_by_wish() -> None:
    table, labels = problem(4000, seed=0)
    wishes = config(keep=("noise15",), drop=("signal01",), max_features=3)
    selection = select(table, labels, names(table), wishes)
    reasons = {verdict.feature: verdict.reason for verdict in selection.verdicts}
    assert "noise15" in selection.features
    assert len(selection.features) == 3
    assert reasons["signal01"] == "dropped by the pipeline file"
    assert "kept by the pipeline file" in reasons["noise15"]
    assert sum("beyond the 3 strongest" in reason for reason in reasons.values()) == 1


def test_a_feature_that_never_varies_is_not_tried() -> None:
    table, labels = problem(1500, seed=0)
    table[:, 5], table[:, 6] = 1.0, np.nan
    verdicts = {v.feature: v for v in select(table, labels, names(table), config()).verdicts}
    assert verdicts["noise05"].reason == verdicts["noise06"].reason == "the same in every row"
    assert verdicts["noise05"].rounds == 0


def test_wishes_for_unknown_features_and_one_class_are_refused() -> None:
    table, labels = problem(500, seed=0)
    with pytest.raises(ConfigError, match="nowhere"):
        select(table, labels, names(table), config(keep=("nowhere",)))
    with pytest.raises(DataError, match="0 positives"):
        select(table, np.zeros_like(labels), names(table), config())
    with pytest.raises(ValidationError, match="needs 19 rounds"):
        config(rounds=5)
    with pytest.raises(ValidationError, match="kept or dropped"):
        config(keep=("a",), drop=("a",))


def test_a_sample_keeps_the_rarer_class() -> None:
    labels = (np.arange(1000) % 50 == 0).astype(np.int8)
    rows = sample(labels, 100, seed=0)
    assert len(rows) == len(set(rows.tolist())) == 100
    assert labels[rows].sum() == 20
    assert (np.diff(rows) > 0).all()
    balanced = sample((np.arange(1000) % 2).astype(np.int8), 100, seed=0)
    assert len(balanced) == 100


def test_the_stage_sees_the_part_to_fit_on_and_no_other(store: Store) -> None:
    table, labels = problem(2000, seed=0)
    frame = pl.DataFrame(table, schema=names(table)).fill_nan(None)
    fit = frame.with_columns(label=pl.Series(labels), part=pl.lit("fit"))
    # In the other parts a noise feature gives the label away.
    rest = fit.with_columns(part=pl.lit("test"), noise15=pl.col("label").cast(pl.Float32))
    with open_run(store, "p", "training", "attempt") as run:
        uri = table_uri("examples", "p", "lines", "training")
        examples = run.write_table(Examples, pl.concat([fit, rest]), uri)
        selection = select_stage(run, config(), examples, names(table))
    assert "noise15" not in selection.features
    assert "signal00" in selection.features
