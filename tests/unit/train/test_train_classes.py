"""Labels of several classes: parts, indices, figures."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tasks.core.errors import DataError, ModelError
from tasks.models.base import Target
from tasks.models.classes import likeliest
from tasks.models.records import Metric
from tasks.report.class_table import class_tables
from tasks.train.class_figures import ClassFigures
from tasks.train.config import RandomFolds, RandomSplit, TrainingConfig
from tasks.train.fit import divide
from tasks.train.folds import TEST, assign_folds
from tasks.train.rows import MOST_CLASSES, classes_of, positives
from tasks.train.split import assign_parts
from tasks.train.tune_folds import tuning_folds


def examples(classes: dict[str, list[str]]) -> pl.DataFrame:
    """Rows of each part, with a feature that numbers them."""
    rows = [(part, name) for part, names in classes.items() for name in names]
    return pl.DataFrame(rows, orient="row", schema=["part", "label_class"]).with_columns(
        label=(pl.col("label_class") != "ok").cast(pl.Int8),
        batch_date=pl.lit(dt.date(2020, 1, 1)),
        x=pl.int_range(pl.len()).cast(pl.Float64),
    )


PARTS = {
    "fit": ["worm", "ok", "scan", "ok"],
    "stop": ["new", "ok", "scan"],
    "calibrate": ["ok", "new"],
    "test": ["ok", "new", "worm"],
}


def test_models_learn_the_fitted_classes_and_are_judged_by_what_is_looked_for() -> None:
    divided = divide(examples(PARTS), ["x"])
    target = Target("classes", ("ok", "scan", "worm"), 0)
    assert divided.rows["fit"].target == divided.rows["stop"].target == target
    assert divided.rows["fit"].labels.tolist() == [2, 0, 1, 0]
    # A class that was not fitted on takes no part in stopping, and is looked for like the others.
    assert divided.rows["stop"].table[:, 0].tolist() == [5, 6]
    assert divided.rows["stop"].labels.tolist() == [0, 1]
    assert len(divided.days["stop"]) == 2
    assert divided.rows["calibrate"].target.kind == divided.rows["test"].target.kind == "binary"
    assert divided.rows["test"].labels.tolist() == [0, 1, 1]
    assert divided.classes is not None
    assert divided.classes.to_list() == ["ok", "new", "worm"]
    assert {part.part: part.positives for part in divided.counts()} == {
        "fit": 2,
        "stop": 1,
        "calibrate": 1,
        "test": 2,
    }


def test_the_normal_class_may_be_any_of_them() -> None:
    target = classes_of(examples({"fit": ["a", "ok", "z"]}))
    assert (target.classes, target.normal) == (("a", "ok", "z"), 1)
    rows = divide(examples(PARTS | {"fit": ["a", "ok", "z"], "stop": ["ok", "a"]}), ["x"]).rows
    assert positives(rows["fit"]) == 2


def test_without_the_normal_class_there_is_nothing_to_tell_others_from() -> None:
    with pytest.raises(DataError, match="rows of the normal class"):
        classes_of(examples({"fit": ["a", "b"]}))


def test_a_column_of_names_is_no_class() -> None:
    names = ["ok", *(f"user {i}" for i in range(MOST_CLASSES))]
    with pytest.raises(DataError, match=f"at most {MOST_CLASSES} classes"):
        classes_of(examples({"fit": names}))
    assert len(classes_of(examples({"fit": names[:-1]})).classes) == MOST_CLASSES


def test_a_random_split_gives_every_part_its_share_of_each_class() -> None:
    count = {"ok": 100, "common": 50, "rare": 10, "single": 1}
    names = [name for name, rows in count.items() for _ in range(rows)]
    events = (
        examples({"": names})
        .drop("part")
        .with_columns(
            event_id=pl.int_range(pl.len()).cast(pl.String),
            event_time=pl.lit(None, pl.Datetime("us")),
        )
    )
    split = RandomSplit(stop=0.1, calibrate=0.1, test=0.2)
    divided = assign_parts(events, split, 0)
    found = dict(divided.group_by("label_class").agg(pl.col("part").sort()).iter_rows())
    assert found["rare"] == ["calibrate", *["fit"] * 6, "stop", "test", "test"]
    assert found["common"].count("test") == 10
    assert found["single"] == ["test"]


def test_random_folds_deal_out_each_class() -> None:
    names = ["ok"] * 20 + ["scan"] * 10 + ["worm"] * 5
    events = examples({"": names}).with_columns(
        event_id=pl.int_range(pl.len()).cast(pl.String), event_time=pl.lit(None, pl.Datetime("us"))
    )
    for roles in assign_folds(events, RandomFolds(folds=5), dt.timedelta(), 0):
        tested = events.filter(roles == TEST)["label_class"].sort().to_list()
        assert tested == ["ok"] * 4 + ["scan"] * 2 + ["worm"]


def test_the_trials_of_a_tuning_learn_classes_and_are_judged_by_what_is_looked_for() -> None:
    (fold,) = tuning_folds(examples(PARTS), ["x"], 0, TrainingConfig(), dt.timedelta())
    assert fold.fit.target.classes == fold.stop.target.classes == ("ok", "scan", "worm")
    assert len(fold.stop.labels) == 2
    assert fold.judge.target.kind == "binary"
    assert fold.judge.labels.tolist() == [1, 0, 1]


def test_figures_of_classes_by_hand() -> None:
    truth = pl.Series(["ok", "ok", "ok", "worm", "new"])
    called = pl.Series(["ok", "ok", "scan", "worm", "ok"])
    found = ClassFigures.of(truth, called).at(None)
    assert found["class_accuracy"] == 3 / 5
    # ok: 2 hits of 3 rows, 3 calls; worm: 1 of 1, 1; new: 0. `scan` has no rows, and no part in it.
    assert found["class_macro_f1"] == pytest.approx((4 / 6 + 1 + 0) / 3)
    assert found["class_recall: ok"] == pytest.approx(2 / 3)
    assert found["class_recall: new"] == 0
    assert np.isnan(found["class_recall: scan"])
    assert found["class_precision: ok"] == pytest.approx(2 / 3)
    assert found["class_precision: scan"] == 0
    assert np.isnan(found["class_precision: new"])


def test_the_matrix_is_a_table_of_classes_with_their_commonest_mistake() -> None:
    truth = pl.Series(["ok", "ok", "ok", "worm", "new", "new", "new"])
    called = pl.Series(["ok", "ok", "scan", "worm", "ok", "worm", "worm"])
    figures = ClassFigures.of(truth, called)
    metrics = [
        Metric("m", "test", name, value, None, None, 7) for name, value in figures.at(None).items()
    ]
    (table,) = class_tables(metrics, [*figures.curves("m", "test")], "test")
    told = {row.name: (row.rows, row.called, row.instead) for row in table.classes}
    assert told == {
        "new": (3, (0, 1, 0, 2), ("worm", 2)),
        "ok": (3, (0, 2, 1, 0), ("scan", 1)),
        "scan": (0, (0, 0, 0, 0), None),
        "worm": (1, (0, 0, 0, 1), None),
    }
    by_name = {row.name: row for row in table.classes}
    assert by_name["new"].recall is not None
    assert by_name["new"].recall.value == 0
    assert by_name["worm"].precision is not None
    assert by_name["worm"].precision.value == pytest.approx(1 / 3)


def test_weights_count_rows_as_often() -> None:
    truth, called = pl.Series(["ok", "worm", "worm"]), pl.Series(["ok", "ok", "worm"])
    weighted = ClassFigures.of(truth, called).at(np.array([2.0, 0.0, 3.0]))
    repeated = ClassFigures.of(truth.gather([0, 0, 2, 2, 2]), called.gather([0, 0, 2, 2, 2]))
    assert weighted == repeated.at(None)


class _Of:
    """A scorer whose log-probabilities are the table."""

    def outputs(self, table: np.ndarray) -> np.ndarray:
        return table


def test_the_likeliest_class_is_named() -> None:
    table = np.log(np.array([[0.2, 0.7, 0.1], [0.5, 0.2, 0.3]], np.float32))
    assert likeliest(_Of(), table, ("ok", "scan", "worm")).to_list() == ["scan", "ok"]
    assert likeliest(_Of(), table, ()).to_list() == [None, None]
    with pytest.raises(ModelError, match="2 classes"):
        likeliest(_Of(), table, ("ok", "scan"))
    with pytest.raises(ModelError, match="log-probabilities of classes"):
        likeliest(object(), table, ("ok", "scan", "worm"))
