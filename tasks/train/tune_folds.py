"""What a tuning's trials are fitted and judged on: never a row of the test part."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

import polars as pl

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
from tasks.train.fit import rows_of
from tasks.train.folds import FIT, TEST, assign_folds
from tasks.train.split import PART, assign_within
from tasks.train.tune_trial import Fold

PARTS = ("fit", "stop")


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
        fit, stop = (rows_of(examples.filter(pl.col(PART) == part), features) for part in PARTS)
        yield Fold(fit, stop, stop)
        return
    known = examples.filter(pl.col(PART).is_in(PARTS)).drop(PART)
    for roles in assign_folds(known, _folds(training.split, count), delay, training.seed):
        fitted = assign_within(known.filter(roles == FIT), training.split, training.seed)
        yield Fold(
            rows_of(fitted.filter(pl.col(PART) == "fit"), features),
            rows_of(fitted.filter(pl.col(PART) != "fit"), features),
            rows_of(known.filter(roles == TEST), features),
        )


def _folds(split: SplitConfig, count: int) -> FoldsConfig:
    if isinstance(split, GroupSplit):
        return GroupFolds(folds=count, by=split.by)
    if isinstance(split, RandomSplit):
        return RandomFolds(folds=count, strata=split.strata)
    return BlockFolds(folds=count)
