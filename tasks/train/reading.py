"""Read a training's examples from the store as the matrices of each part."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tasks.core.artifacts import Examples, Ref
from tasks.core.batches import BATCH_DATE
from tasks.core.run import Run
from tasks.train.config import TrainingConfig
from tasks.train.fit import Divided, divide
from tasks.train.split import LABEL, LABEL_CLASS, PART


def read_divided(
    run: Run, examples: Ref[Examples], features: Sequence[str], config: TrainingConfig
) -> Divided:
    """The matrices of each part, and the columns that measures are told by."""
    rows = run.scan(examples)
    own = (LABEL, *class_column(rows), PART, BATCH_DATE, *config.marks)
    return divide(
        rows.select(list(dict.fromkeys((*features, *own)))).collect(), features, config.marks
    )


def class_column(table: pl.LazyFrame) -> tuple[str, ...]:
    """The column that names each row's class, where there is one."""
    return (LABEL_CLASS,) if LABEL_CLASS in table.collect_schema() else ()
