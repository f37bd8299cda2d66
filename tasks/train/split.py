"""Divide examples into the part to fit on and the parts that judge."""

from __future__ import annotations

import datetime as dt
import hashlib

import polars as pl

from tasks.core.errors import DataError
from tasks.core.event import EVENT_ID, EVENT_TIME
from tasks.train.config import RandomSplit, Shares, SplitConfig

PART = "part"
LABEL = "label"
PARTS = ("fit", "stop", "calibrate", "test")
EMBARGO = "embargo"
_HASH = "_hash"


def assign_parts(examples: pl.DataFrame, split: SplitConfig, seed: int) -> pl.DataFrame:
    """Add the column `part`: fit, stop, calibrate, test, or embargo for rows in none of them.

    Args:
        examples: one row per event with `event_id`, `event_time` and `label`.
        split: how to divide them.
        seed: of the random split.

    Returns:
        The rows ordered by time and id, with their part.

    Raises:
        DataError: a time split without times, or a part that lacks one of the classes.
    """
    ordered = examples.sort(EVENT_TIME, EVENT_ID, nulls_last=True)
    if isinstance(split, RandomSplit):
        divided = _at_random(ordered, split, seed)
    else:
        divided = _with_embargo(_by_time(ordered, split), split.embargo.total_seconds())
    _check_classes(divided)
    return divided


def _by_time(ordered: pl.DataFrame, shares: Shares) -> pl.DataFrame:
    """Later parts start at the time of a row, so that simultaneous rows share a part."""
    times = ordered[EVENT_TIME]
    if times.null_count():
        raise DataError(
            "a time for every event, to split by time",
            found=f"{times.null_count()} of {len(times)} events without one",
            where="training.split",
            do="Name event.time, or split at random: {kind: random}.",
        )
    part = pl.lit(PARTS[0])
    for name, start in _starts(shares).items():
        if len(times):
            first = times[min(int(start * len(times)), len(times) - 1)]
            part = pl.when(pl.col(EVENT_TIME) >= first).then(pl.lit(name)).otherwise(part)
    return ordered.with_columns(part.alias(PART))


def _with_embargo(divided: pl.DataFrame, seconds: float) -> pl.DataFrame:
    test = divided.filter(pl.col(PART) == "test")[EVENT_TIME]
    if not seconds or not len(test):
        return divided
    barred = pl.col(EVENT_TIME) >= test[0] - dt.timedelta(seconds=seconds)
    judged = pl.col(PART) == "test"
    part = pl.when(barred & ~judged).then(pl.lit(EMBARGO)).otherwise(pl.col(PART))
    return divided.with_columns(part.alias(PART))


def _at_random(ordered: pl.DataFrame, shares: Shares, seed: int) -> pl.DataFrame:
    """Rows of each label, in the order of a keyed hash of their ids, cut at the shares."""
    key = seed.to_bytes(8, "little")
    hashes = [
        int.from_bytes(hashlib.blake2b(event.encode(), digest_size=8, key=key).digest(), "little")
        for event in ordered[EVENT_ID]
    ]
    place = pl.struct(_HASH, EVENT_ID).rank("ordinal").over(LABEL)
    part = pl.lit(PARTS[0])
    for name, start in _starts(shares).items():
        late = (place - 1) >= (pl.len().over(LABEL) * start).floor()
        part = pl.when(late).then(pl.lit(name)).otherwise(part)
    hashed = ordered.with_columns(pl.Series(_HASH, hashes, pl.UInt64))
    return hashed.with_columns(part.alias(PART)).drop(_HASH)


def _starts(shares: Shares) -> dict[str, float]:
    """Where each later part starts, as a share of the rows."""
    test = 1 - shares.test
    calibrate = test - shares.calibrate
    return {"stop": calibrate - shares.stop, "calibrate": calibrate, "test": test}


def _check_classes(divided: pl.DataFrame) -> None:
    for part in PARTS:
        labels = divided.filter(pl.col(PART) == part)[LABEL]
        positives = int(labels.sum())
        if not 0 < positives < len(labels):
            raise DataError(
                f"positive and negative examples in the part {part!r}",
                found=f"{positives} positive of {len(labels)}, of {len(divided)} in all",
                where="training",
                do="Lengthen training.window, enlarge that part's share, or wait for labels.",
            )
