"""Values that a model tells: learned from training, applied anywhere, and left out if damaged."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
from conftest import EVENT, Treat

from tasks.core.errors import DataError, ModelError
from tasks.core.treatments import Learned, Prediction
from tasks.prepare.apply import apply

GENERATOR = np.random.default_rng(0)
A, B = GENERATOR.normal(size=3000), GENERATOR.normal(size=3000)
WHOLE = pl.DataFrame(
    {
        "a": A,
        "b": B > 0,
        "x": 3 * A + 2 * (B > 0),
        "n": np.round(10 * A).astype(np.int64),
        "t": np.where(A > 0, "plus", "minus"),
        "f": A > 0,
    }
)
HIDDEN = pl.Series(GENERATOR.random(3000) < 0.2)
GAPPED = WHOLE.with_columns(
    pl.when(~HIDDEN).then(pl.col(name)).alias(name) for name in ("x", "n", "t", "f")
)
RULE = {"method": "xgboost", "inputs": ["a", "b"]}
ASKED = {"columns": dict.fromkeys(("x", "n", "t", "f"), RULE)}


def test_what_is_missing_is_told_from_the_row_far_better_than_by_the_median(treat: Treat) -> None:
    out, learned = treat(GAPPED, missing=ASKED)
    assert out.schema == GAPPED.schema
    assert out.null_count().sum_horizontal().item() == 0
    kept = out.filter(~HIDDEN)
    assert kept.equals(WHOLE.filter(~HIDDEN))
    told, true = out.filter(HIDDEN), WHOLE.filter(HIDDEN)
    error = (told["x"] - true["x"]).abs().mean()
    assert error < 0.05 * (true["x"] - true["x"].median()).abs().mean()
    assert (told["n"] - true["n"]).abs().mean() < 1
    for name in ("t", "f"):
        assert (told[name] == true[name]).mean() > 0.98
    classes = {t.column: t.classes for t in learned.record.treatments if isinstance(t, Prediction)}
    assert classes == {"x": (), "n": (), "t": ("minus", "plus"), "f": (False, True)}


def test_the_order_of_what_is_applied_to_and_its_neighbours_do_not_matter(treat: Treat) -> None:
    _, learned = treat(GAPPED, missing=ASKED)
    whole = apply(GAPPED.lazy(), learned, EVENT).collect()
    parts = [apply(part.lazy(), learned, EVENT).collect() for part in GAPPED.iter_slices(700)]
    assert pl.concat(parts).equals(whole)
    backwards = apply(GAPPED.reverse().lazy(), learned, EVENT).collect().reverse()
    assert backwards.equals(whole)


def test_the_same_rows_give_the_same_bytes(treat: Treat) -> None:
    assert treat(GAPPED, missing=ASKED)[1] == treat(GAPPED, missing=ASKED)[1]


def test_inputs_may_have_gaps_and_all_values_may_be_there(treat: Treat) -> None:
    rows = GAPPED.with_columns(a=pl.when(pl.Series(A) < 1).then("a"))
    out, learned = treat(rows, missing={"columns": {"x": RULE | {"indicator": True}}})
    assert out["x"].null_count() == 0
    assert out["x_missing"].to_list() == HIDDEN.to_list()
    full = apply(WHOLE.lazy(), learned, EVENT).collect()
    assert full["x"].equals(WHOLE["x"])


def test_a_model_that_cannot_be_read_leaves_gaps_and_keeps_the_columns(treat: Treat) -> None:
    rule = RULE | {"indicator": True}
    forest = {"together": [{"columns": ["a", "x"]}]}
    _, learned = treat(GAPPED, missing={"columns": {"x": rule}}, outliers=forest)
    whole = apply(GAPPED.lazy(), learned, EVENT).collect()
    bare = apply(GAPPED.lazy(), dataclasses.replace(learned, files={}), EVENT).collect()
    assert bare.schema == whole.schema
    assert bare["x"].equals(GAPPED["x"])
    assert bare["x_missing"].equals(whole["x_missing"])
    assert not bare["isolation_outlier"].any()


def test_bytes_that_hold_no_trees_are_refused(treat: Treat) -> None:
    _, learned = treat(GAPPED, missing={"columns": {"x": RULE}})
    for content in (b"", b"no trees"):
        broken = Learned(learned.record, dict.fromkeys(learned.files, content))
        with pytest.raises(ModelError, match="trees of an XGBoost model"):
            apply(GAPPED.lazy(), broken, EVENT)


def test_there_is_nothing_to_learn_from_nothing_and_too_many_classes_are_refused(
    treat: Treat,
) -> None:
    empty = GAPPED.with_columns(x=pl.lit(None, pl.Float64))
    with pytest.raises(DataError, match="no value of x"):
        treat(empty, missing={"columns": {"x": RULE}})
    many = GAPPED.with_columns(t=pl.int_range(pl.len()).cast(pl.String))
    with pytest.raises(DataError, match="at most 100"):
        treat(many, missing={"columns": {"t": RULE}})
