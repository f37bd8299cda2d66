"""The stage sees the part to fit on, and no other; the order of its rows has no part in it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from tasks.core.artifacts import Examples
from tasks.core.commit import open_run
from tasks.core.results import Selection
from tasks.core.store import Store, table_uri
from tasks.select.task import select
from tests.unit.select.problems import config, names, problem


def examples() -> pl.DataFrame:
    """A part to fit on, and a part where a noise feature gives the label away."""
    table, labels = problem(2000, seed=0)
    start = dt.datetime(2010, 7, 5)
    fit = pl.DataFrame(table, schema=names(table)).with_columns(
        label=pl.Series(labels),
        part=pl.lit("fit"),
        event_time=pl.Series([start + dt.timedelta(minutes=i // 2) for i in range(len(labels))]),
    )
    test = fit.with_columns(
        part=pl.lit("test"),
        noise15=pl.col("label").cast(pl.Float32),
        event_time=pl.col("event_time") + dt.timedelta(days=9),
    )
    return pl.concat([fit, test]).fill_nan(None)


def selected(store: Store, frame: pl.DataFrame, attempt: str) -> Selection:
    with open_run(store, "p", "training", attempt) as run:
        uri = table_uri("examples", "p", "lines", "training")
        named = [c for c in frame.columns if c.startswith(("signal", "noise"))]
        return select(run, config(), run.write_table(Examples, frame, uri), named)


def test_rows_and_labels_outside_the_part_to_fit_on_change_nothing(store: Store) -> None:
    frame = examples()
    given = selected(store, frame, "1")
    assert "noise15" not in given.features
    assert "signal00" in given.features
    outside = pl.col("part") != "fit"
    turned = frame.with_columns(
        label=pl.when(outside).then(1 - pl.col("label")).otherwise(pl.col("label")),
        signal00=pl.when(outside).then(None).otherwise(pl.col("signal00")),
    )
    assert selected(store, turned, "2") == given
    assert selected(store, frame.filter(~outside), "3") == given


def test_shuffled_rows_and_columns_give_the_same_selection(store: Store) -> None:
    frame = examples()
    order = np.random.default_rng(7).permutation(frame.height)
    shuffled = frame[order].select(sorted(frame.columns, reverse=True))
    assert selected(store, shuffled, "2") == selected(store, frame, "1")


def test_events_without_a_time_are_in_no_order(store: Store) -> None:
    frame = examples().with_columns(event_time=pl.lit(None, pl.Datetime("us")))
    assert "signal00" in selected(store, frame, "1").features


def test_a_feature_that_knows_the_answer_is_used_and_named(store: Store) -> None:
    frame = examples().with_columns(signal99=7.0 - pl.col("label"))
    found = selected(store, frame, "1")
    assert "signal99" in found.features
    assert [name for name, _ in found.telling] == ["signal99"]
    assert found.telling[0][1] == 1.0
