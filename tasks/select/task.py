"""The stage: read the rows to fit on, select among the features."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from tasks.core.artifacts import Examples, Ref
from tasks.core.event import EVENT_TIME
from tasks.core.memory import memory_for
from tasks.core.results import Selection
from tasks.core.run import Run
from tasks.select import select as selecting
from tasks.select.answers import telling
from tasks.select.config import SelectionConfig
from tasks.task import stage

_TARGET = "_target"


@stage("select")
def select(
    run: Run,
    config: SelectionConfig,
    examples: Ref[Examples],
    names: Sequence[str],
    whole: bool = False,
    delay: dt.timedelta = dt.timedelta(0),
) -> Selection:
    """Select among features on the examples of the part `fit`, and on no others.

    Those that tell the label by themselves stay, and are named: only a person knows when they are
    written.

    Where the model reads sequences or images (`whole`), one of which anything is selected is kept
    with all its columns.
    """
    fit = (
        run.scan(examples)
        .filter(pl.col("part") == "fit")
        .select(EVENT_TIME, _target(run.scan(examples)), *names)
        .collect()
    )
    table = fit.select(pl.col(names).cast(pl.Float32).fill_null(np.nan)).to_numpy(order="c")
    timed = fit[EVENT_TIME].null_count() == 0
    times = fit[EVENT_TIME].cast(pl.Datetime("us")).cast(pl.Int64).to_numpy() if timed else None
    labels, known_after = fit[_TARGET].to_numpy(), delay // dt.timedelta(microseconds=1)
    with memory_for("a selection", "selection", "Lower selection.max_rows."):
        selection = selecting.select(table, labels, names, config, times, whole, known_after)
        places = [names.index(name) for name in selection.features]
        told = telling(table[:, places], labels, selection.features)
    return replace(selection, telling=tuple(told))


def _target(examples: pl.LazyFrame) -> pl.Expr:
    """What features are to tell: the class where there are classes, else the label."""
    if "label_class" in examples.collect_schema():
        return pl.col("label_class").rank("dense").cast(pl.Int64).alias(_TARGET)
    return pl.col("label").alias(_TARGET)
