"""Divide labelled events into the part to fit on and the parts that judge."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence

import polars as pl

from tasks.core.errors import ConfigError, DataError
from tasks.core.event import EVENT_ID, EVENT_TIME
from tasks.train.config import GroupSplit, RandomSplit, Shares, SplitConfig

PART = "part"
LABEL = "label"
LABEL_CLASS = "label_class"
PARTS = ("fit", "stop", "calibrate", "test")
EMBARGO = "embargo"
NO_DELAY = dt.timedelta(0)
_HASH, _GROUP, _STRATUM = "_hash", "_group", "_stratum"
_TENTHS = 10


def assign_parts(
    events: pl.DataFrame, split: SplitConfig, seed: int, delay: dt.timedelta = NO_DELAY
) -> pl.DataFrame:
    """Add the column `part`: fit, stop, calibrate, test, or embargo for rows in none of them.

    Args:
        events: one row per event with `event_id`, `event_time`, `label` and the split's columns.
        split: how to divide them.
        seed: of a split by hash.
        delay: how long after its event a label is known; the embargo where none is given.

    Returns:
        The rows ordered by time and id, with their part.

    Raises:
        ConfigError: a column of the split is not there.
        DataError: a time split without times, or a part that lacks one of the classes, or values.
    """
    divided = _divide(events, split, seed, delay)
    check_labels(divided)
    return divided


def assign_within(examples: pl.DataFrame, split: SplitConfig, seed: int) -> pl.DataFrame:
    """Divide the fitted rows of a fold into fit, stop and calibrate; the fold has its own test.

    Args:
        examples: as for `assign_parts`.
        split: whose shares they get, of what its test part leaves.
        seed: of a split by hash.
    """
    whole = 1 - split.test
    update = {"stop": split.stop / whole, "calibrate": split.calibrate / whole, "test": 0.0}
    return _divide(examples, split.model_copy(update=update), seed, NO_DELAY)


def holds_values(examples: pl.DataFrame) -> bool:
    """Whether the labels are numbers to be predicted."""
    return examples.schema[LABEL].is_float()


def strata_of(events: pl.DataFrame, columns: Sequence[str]) -> list[pl.Expr]:
    """What rows dealt out at random are stratified by: the label, its class if any, the columns.

    Of values it is the tenth of them that the label lies in.
    """
    label = pl.col(LABEL)
    if holds_values(events):
        label = (label.rank("min") - 1) * _TENTHS // pl.len()
    classes = (LABEL_CLASS,) if LABEL_CLASS in events else ()
    return [label.alias(_STRATUM), *map(pl.col, (*classes, *columns))]


def check_labels(divided: pl.DataFrame) -> None:
    """Hold that each part has what it is to teach or to judge by.

    Positive and negative examples; of values, and without any label, some examples, and to fit on
    values that differ.

    Raises:
        DataError: one has not.
    """
    if holds_values(divided):
        _check_values(divided)
        return
    labelled = divided[LABEL].null_count() < len(divided)
    for part in PARTS:
        labels = divided.filter(pl.col(PART) == part)[LABEL]
        if not labelled and len(labels):
            continue
        positives = int(labels.sum())
        if not 0 < positives < len(labels):
            raise DataError(
                f"positive and negative examples in the part {part!r}",
                found=f"{positives} positive of {len(labels)}, of {len(divided)} in all"
                + _barred(divided),
                where="training",
                do="Lengthen training.window, enlarge that part's share, wait for labels, or bring "
                "the dates that are missing.",
            )


def _barred(divided: pl.DataFrame) -> str:
    barred = int((divided[PART] == EMBARGO).sum())
    return f", {barred} of them within training.split.embargo" if barred else ""


def _check_values(divided: pl.DataFrame) -> None:
    for part in PARTS:
        labels = divided.filter(pl.col(PART) == part)[LABEL]
        if len(labels) and (part != PARTS[0] or labels.n_unique() > 1):
            continue
        raise DataError(
            f"values in the part {part!r}" + " that differ" * (part == PARTS[0]),
            found=f"{len(labels)} rows of {len(divided)} in all{_barred(divided)}"
            + ", all of one value" * bool(len(labels)),
            where="training",
            do="Lengthen training.window, enlarge that part's share, or wait for labels.",
        )


def _divide(
    events: pl.DataFrame, split: SplitConfig, seed: int, delay: dt.timedelta
) -> pl.DataFrame:
    ordered = events.sort(EVENT_TIME, EVENT_ID, nulls_last=True)
    if isinstance(split, RandomSplit):
        return _at_random(ordered, split, seed)
    if isinstance(split, GroupSplit):
        return _by_group(ordered, split, seed)
    return _by_time(ordered, split, delay if split.embargo is None else split.embargo)


def check_times(events: pl.DataFrame, where: str) -> None:
    """Hold that every event has a time.

    Raises:
        DataError: one has none.
    """
    times = events[EVENT_TIME]
    if times.null_count():
        raise DataError(
            "a time for every event, to split by time",
            found=f"{times.null_count()} of {len(times)} events without one",
            where=where,
            do="Name event.time, or split at random: {kind: random}.",
        )


def in_hash_order(events: pl.DataFrame, columns: Sequence[str], seed: int) -> pl.Expr:
    """The place, from 0, that rows have in the order of a keyed hash of some columns.

    Rows that are the same in the columns have places of their own, one after the other.

    Raises:
        ConfigError: a column is not there.
    """
    absent = [column for column in columns if column not in events]
    if absent:
        raise ConfigError(
            f"the columns {', '.join(columns)} of the labelled events",
            found=f"no {', '.join(absent)}",
            where="training",
            do="Correct the names in the pipeline file.",
        )
    key = seed.to_bytes(8, "little")
    named = events.select(pl.concat_str(_named(columns), separator="\0")).to_series()
    names = named.unique().to_list()
    hashes = pl.Series([_hash(name, key) for name in names], dtype=pl.UInt64)
    found = named.replace_strict(names, hashes, return_dtype=pl.UInt64)
    return pl.struct(found.alias(_HASH), named.alias(_GROUP), EVENT_ID).rank("ordinal") - 1


def _by_time(ordered: pl.DataFrame, shares: Shares, embargo: dt.timedelta) -> pl.DataFrame:
    """Shares of what the embargo leaves; what is of one time shares a part."""
    check_times(ordered, "training.split")
    if not len(ordered):
        return ordered.with_columns(pl.lit(PARTS[0]).alias(PART))
    times = ordered[EVENT_TIME]
    first = _test_starts(times, shares.test, embargo) if shares.test else None
    tested = pl.repeat(False, len(times), eager=True) if first is None else times >= first
    barred = tested if first is None else ~tested & (times >= first - embargo)
    left = times.filter(~barred)
    part = pl.lit(PARTS[0])
    for name, start in _starts(shares).items():
        begins = left[min(int(start * len(left)), len(left) - 1)]
        part = pl.when(pl.col(EVENT_TIME) >= begins).then(pl.lit(name)).otherwise(part)
    part = pl.when(tested).then(pl.lit("test")).when(barred).then(pl.lit(EMBARGO)).otherwise(part)
    return ordered.with_columns(part.alias(PART))


def _test_starts(times: pl.Series, share: float, embargo: dt.timedelta) -> dt.datetime:
    """The latest time from which on there is the share of the rows that the embargo leaves."""
    tested = len(times) - times.search_sorted(times, "left").cast(pl.Int64)
    before = times.search_sorted(times - embargo, "left").cast(pl.Int64)
    enough = times.filter(tested >= share * (tested + before))
    found: dt.datetime = enough[-1]
    return found


def _at_random(ordered: pl.DataFrame, split: RandomSplit, seed: int) -> pl.DataFrame:
    """Rows of each stratum, in the order of a keyed hash of their ids, cut at the shares."""
    strata = strata_of(ordered, split.strata)
    hashed = ordered.with_columns(in_hash_order(ordered, [EVENT_ID], seed).alias(_HASH))
    place = (pl.col(_HASH).rank("ordinal") - 1).over(strata)
    part = pl.lit(PARTS[0])
    for name, start in _starts(split).items():
        late = place >= (pl.len().over(strata) * start).floor()
        part = pl.when(late).then(pl.lit(name)).otherwise(part)
    return hashed.with_columns(part.alias(PART)).drop(_HASH)


def _by_group(ordered: pl.DataFrame, split: GroupSplit, seed: int) -> pl.DataFrame:
    """Groups in the order of a keyed hash, each whole in the part its first row falls in."""
    placed = ordered.with_columns(in_hash_order(ordered, split.by, seed).alias(_HASH))
    first = pl.col(_HASH).min().over(split.by)
    part = pl.lit(PARTS[0])
    for name, start in _starts(split).items():
        part = pl.when(first >= int(start * len(ordered))).then(pl.lit(name)).otherwise(part)
    return placed.with_columns(part.alias(PART)).drop(_HASH)


def _starts(shares: Shares) -> dict[str, float]:
    """Where each later part starts, as a share of the rows; without a share it has no start."""
    test = 1 - shares.test
    calibrate = test - shares.calibrate
    starts = {"stop": calibrate - shares.stop, "calibrate": calibrate, "test": test}
    return starts if shares.test else {part: starts[part] for part in ("stop", "calibrate")}


def _named(columns: Sequence[str]) -> list[pl.Expr]:
    return [pl.col(column).cast(pl.String).fill_null("\1") for column in columns]


def _hash(name: str, key: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8, key=key).digest(), "little")
