"""What a tuning's trials are fitted and judged on: never a row of the test part."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from tasks.core.artifacts import Examples, Ref
from tasks.core.event import EVENT_ID, EVENT_TIME
from tasks.core.run import Run
from tasks.train.config import (
    BlockFolds,
    FoldsConfig,
    GroupFolds,
    GroupSplit,
    RandomFolds,
    RandomSplit,
    SplitConfig,
    TrainingConfig,
)
from tasks.train.folds import FIT, TEST, assign_folds
from tasks.train.rows import classes_of, of_known_class, rows_of
from tasks.train.split import LABEL, LABEL_CLASS, PART, assign_within
from tasks.train.tune_trial import Fold

PARTS = ("fit", "stop")


@dataclass(frozen=True, slots=True)
class Tuning:
    """Names what the trials of a tuning are fitted and judged on; see `tuning_folds`.

    Args:
        run: reads the examples.
        examples: of the training, with `part`.
        features: columns of the matrices.
        count: inner folds; 0 for the stop part.
        training: its split and seed.
        delay: how long after its event a label is known.
    """

    run: Run
    examples: Ref[Examples]
    features: tuple[str, ...]
    count: int
    training: TrainingConfig
    delay: dt.timedelta

    def read(self) -> list[Fold]:
        """The folds."""
        rows = self.run.scan(self.examples)
        classes = [LABEL_CLASS] if LABEL_CLASS in rows.collect_schema() else []
        own = (EVENT_ID, EVENT_TIME, LABEL, *classes, *self.training.columns, PART)
        table = rows.select(list(dict.fromkeys((*self.features, *own)))).collect()
        return list(tuning_folds(table, self.features, self.count, self.training, self.delay))


def tuning_folds(
    examples: pl.DataFrame,
    features: Sequence[str],
    count: int,
    training: TrainingConfig,
    delay: dt.timedelta,
) -> Iterator[Fold]:
    """The stop part as judge of the fitted one, or inner folds of both.

    Inner folds are of the kind of the split: blocks of time, each judged by a model of earlier
    ones whose labels were known by then, or random, or by group. Within each, a model stops by a
    part of its own.

    Args:
        examples: of the training, with `part`.
        features: columns of the matrices.
        count: inner folds; 0 for the stop part.
        training: its split and seed.
        delay: how long after its event a label is known.
    """
    if not count:
        fit, stop = (examples.filter(pl.col(PART) == part) for part in PARTS)
        yield _fold(features, fit, stop, stop)
        return
    known = examples.filter(pl.col(PART).is_in(PARTS)).drop(PART)
    for roles in assign_folds(known, _folds(training.split, count), delay, training.seed):
        fitted = assign_within(known.filter(roles == FIT), training.split, training.seed)
        yield _fold(
            features,
            fitted.filter(pl.col(PART) == "fit"),
            fitted.filter(pl.col(PART) != "fit"),
            known.filter(roles == TEST),
        )


def _fold(
    features: Sequence[str], fit: pl.DataFrame, stop: pl.DataFrame, judge: pl.DataFrame
) -> Fold:
    """Models learn classes where there are some, and are judged by what is looked for."""
    if LABEL_CLASS not in fit:
        return Fold(*(rows_of(table, features) for table in (fit, stop, judge)))
    target = classes_of(fit)
    known = of_known_class(stop, fit)
    return Fold(
        rows_of(fit, features, target), rows_of(known, features, target), rows_of(judge, features)
    )


def _folds(split: SplitConfig, count: int) -> FoldsConfig:
    if isinstance(split, GroupSplit):
        return GroupFolds(folds=count, by=split.by)
    if isinstance(split, RandomSplit):
        return RandomFolds(folds=count, strata=split.strata)
    return BlockFolds(folds=count)
