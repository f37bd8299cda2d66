"""Fold labelled events: each fold judges some of them and may be fitted on some of the others.

Whatever is learned of events is learned by the parts of a fold, so folds are made of events, before
anything is learned of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import polars as pl

from tasks.core.event import EVENT_ID, EVENT_TIME
from tasks.train.config import (
    BlockFolds,
    FoldsConfig,
    GroupFolds,
    RandomFolds,
    TrainingConfig,
)
from tasks.train.split import (
    EMBARGO,
    PART,
    assign_within,
    check_times,
    in_hash_order,
    strata_of,
)

FIT, TEST, PURGED = "fit", "test", "purged"
_PLACE = "_place"


def fold_parts(
    events: pl.DataFrame, config: TrainingConfig, delay: dt.timedelta
) -> Iterator[pl.DataFrame]:
    """The part of each event in each fold, as `assign_parts` gives that in the training.

    Args:
        events: the training's own parts, one row per event with the columns of splits and folds.
        config: the folds, and the split of what a fold fits on.
        delay: how long after its event a label is known.

    Yields:
        The events with their part: fit, stop and calibrate, test for those that judge the fold,
        and embargo for those in none of them.
    """
    if config.folds is None:
        return
    barred = events.filter(pl.col(PART) == EMBARGO)
    known = events.filter(pl.col(PART) != EMBARGO).drop(PART)
    for roles in assign_folds(known, config.folds, delay, config.seed):
        fitted = assign_within(known.filter(roles == FIT), config.split, config.seed)
        part = pl.when(roles == TEST).then(pl.lit(TEST)).otherwise(pl.lit(EMBARGO)).alias(PART)
        others = known.with_columns(part).filter(roles != FIT)
        yield pl.concat([fitted, *(each.select(fitted.columns) for each in (others, barred))])


def fitted_before(divided: pl.DataFrame) -> dt.datetime | None:
    """The time of the first event after the last fitted one; None where there is none."""
    times = divided[EVENT_TIME]
    last = times.filter(divided[PART] == FIT).max()
    after = times.filter(times > last).min()
    return after if isinstance(after, dt.datetime) else None


def judged_within(divided: pl.DataFrame) -> tuple[dt.datetime, dt.datetime]:
    """The times of the first and the last event that judges."""
    time = pl.col(EVENT_TIME)
    judged = divided.filter(pl.col(PART) == TEST)
    first, last = judged.select(time.min().alias("first"), time.max().alias("last")).row(0)
    return first, last


def assign_folds(
    events: pl.DataFrame, config: FoldsConfig, delay: dt.timedelta, seed: int
) -> Iterator[pl.Series]:
    """The role of each event in each fold: fit, test, or purged for those that are neither.

    Args:
        events: one row per event with `event_id`, `event_time`, `label` and the folds' columns.
        config: how to fold them.
        delay: how long after its event a label is known; the embargo where none is given.
        seed: of folds by hash.

    Yields:
        Roles (n_events,), in the order of the rows; an event is tested in at most one fold.

    Raises:
        ConfigError: a column of the folds is not there.
        DataError: folds by time of events without times.
    """
    if isinstance(config, BlockFolds):
        yield from _blocks(events, config, delay if config.embargo is None else config.embargo)
        return
    numbers = (
        _by_group(events, config, seed)
        if isinstance(config, GroupFolds)
        else (_at_random(events, config, seed))
    )
    for fold in range(config.folds):
        yield _role(numbers == fold, numbers != fold)


def _blocks(events: pl.DataFrame, config: BlockFolds, embargo: dt.timedelta) -> Iterator[pl.Series]:
    """Blocks of time; what is too near to the tested one for its labels to be known is purged.

    Source: López de Prado 2018, Advances in Financial Machine Learning, chapter 7.
    """
    check_times(events, "training.folds")
    times = events[EVENT_TIME]
    ordered = times.sort()
    count = config.folds + config.past_only  # the first block only teaches where no later one may
    starts = [ordered[int(len(ordered) * block / count)] for block in range(count)]
    for block in range(int(config.past_only), count):
        tested = times >= starts[block]
        later = pl.repeat(False, len(times), dtype=pl.Boolean, eager=True)
        if block + 1 < count:
            tested &= times < starts[block + 1]
            if not config.past_only and tested.any():
                later = times - embargo > times.filter(tested).max()
        yield _role(tested, (times + embargo < starts[block]) | later)


def _at_random(events: pl.DataFrame, config: RandomFolds, seed: int) -> pl.Series:
    """Each stratum dealt out in the order of a keyed hash of its ids."""
    place = in_hash_order(events, [EVENT_ID], seed).alias(_PLACE)
    placed = events.select(*strata_of(events, config.strata), place)
    dealt = (pl.col(_PLACE).rank("ordinal") - 1).over(placed.drop(_PLACE).columns)
    return placed.select(dealt % config.folds).to_series()


def _by_group(events: pl.DataFrame, config: GroupFolds, seed: int) -> pl.Series:
    """Groups in the order of a keyed hash, each whole in the fold its first row falls in."""
    placed = events.select(*config.by, in_hash_order(events, config.by, seed).alias(_PLACE))
    first = pl.col(_PLACE).min().over(config.by)
    return placed.select(first.cast(pl.Int64) * config.folds // len(events)).to_series()


def _role(tested: pl.Series, fitted: pl.Series) -> pl.Series:
    frame = pl.DataFrame({"tested": tested, "fitted": fitted})
    role = pl.when("tested").then(pl.lit(TEST)).when("fitted").then(pl.lit(FIT))
    return frame.select(role.otherwise(pl.lit(PURGED)).alias("role")).to_series()
