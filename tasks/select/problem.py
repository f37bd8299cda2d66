"""What is put to a test, and what comes of it; in an order that the input's has no part in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.select.config import SelectionConfig
from tasks.select.target import Floats, Target
from tasks.select.trees import Table

Positions = npt.NDArray[np.int64]
_ENOUGH_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Problem:
    """Candidates of which some may tell the labels.

    Args:
        table: (n_rows, n_features) float32, NaN where missing; rows in the order of time.
        target: their labels.
        groups: (n_features,), the number of the group that each feature is in, from 0.
        config: the test.
        times: (n_rows,) when each row happened, in microseconds; None where none is later.
        delay: how long after it a row's label is known, in microseconds.
    """

    table: Table
    target: Target
    groups: Positions
    config: SelectionConfig
    times: Positions | None = None
    delay: int = 0

    @property
    def units(self) -> int:
        """Groups of features; each is tested as one."""
        return int(self.groups.max()) + 1

    def by_group(self, values: Floats) -> Floats:
        """Sums of the features' values (n_features,) over each group (n_groups,)."""
        sums: Floats = np.bincount(self.groups, values, minlength=self.units).astype(np.float64)
        return sums

    def columns(self, group: int) -> Positions:
        """The features of a group."""
        return np.flatnonzero(self.groups == group)

    def split(self, share: float) -> tuple[slice, slice]:
        """Rows known before, and rows after, a share of the time."""
        at = int(share * len(self.table))
        return slice(0, self.known_by(at)), slice(at, None)

    def known_by(self, row: int) -> int:
        """How many of the earlier rows have a label that was known when a row happened.

        Where the delay would leave less than half of them, all of them: rows that span little more
        than the delay have no part that could be held out otherwise.
        """
        if self.times is None or not self.delay or row >= len(self.times):
            return row
        known = int(np.searchsorted(self.times, self.times[row] - self.delay, side="right"))
        return known if known >= row / 2 else row


@dataclass(frozen=True, slots=True)
class Tested:
    """The outcome of a test, one entry a group.

    Args:
        importance: what the method measured.
        threshold: what it had to exceed.
        hits: rounds whose luckiest group it exceeded.
        rounds: rounds that were played.
        passed: whether it passed.
        alone: whether it passed by itself, other features left out of account; None if not tried.
    """

    importance: Floats
    threshold: Floats
    hits: Positions
    rounds: int
    passed: npt.NDArray[np.bool_]
    alone: npt.NDArray[np.bool_] | None = None


def order_rows(
    table: Table,
    labels: npt.NDArray[np.generic],
    times: npt.NDArray[np.int64] | None,
    target: Target,
) -> Positions:
    """Sort rows by time, those of one time by a hash of what they say, and by what is judged of it.

    Rows that are told apart by none are alike, so that any order of them is the same. The hash
    takes labels as float32, in which two that differ by rank may be one.
    """
    keys = (target.values, _hash_rows(table, labels))
    return np.lexsort(keys if times is None else (*keys, times))


def sample(target: Target, config: SelectionConfig, lots: Positions) -> Positions:
    """Choose rows, in order: of the rarer classes as many as fit into equal shares, then the rest.

    Of two classes the commoner is cut to `max_negatives` rows for each of the rarer: with eight,
    a ninth of what the rarer tell is lost at most, and most of the time saved.

    Args:
        target: the labels.
        config: `max_rows`, `max_negatives`.
        lots: a number of each row; of each class the smallest are taken.
    """
    kinds = [np.arange(len(lots))]
    if target.kind != "number":
        kinds = [np.flatnonzero(target.values == value) for value in range(target.classes)]
    kinds = sorted(kinds, key=len)
    most = config.max_rows
    if target.kind == "binary":
        most = min(most, max(_ENOUGH_ROWS, (1 + config.max_negatives) * len(kinds[0])))
    chosen: list[Positions] = []
    for left, rows in zip(range(len(kinds), 0, -1), kinds, strict=True):
        room = (most - sum(map(len, chosen))) // left
        chosen.append(rows[np.argsort(lots[rows], kind="stable")[:room]])
    return np.sort(np.concatenate(chosen))


def thin(rows: Positions, most: int) -> Positions:
    """Every k-th of the rows, so that no more than `most` are left."""
    return rows[:: max(1, -(-len(rows) // most))]


def draw_lots(rows: int, seed: int) -> Positions:
    """A number for each row by chance."""
    return np.random.default_rng(seed).permutation(rows)


def _hash_rows(
    table: Table, labels: npt.NDArray[np.generic], batch: int = 65_536
) -> npt.NDArray[np.uint64]:
    """One number for each row, of its values and its label; every NaN is the same."""
    factors = np.random.default_rng(0).integers(1, 1 << 63, table.shape[1] + 1, np.uint64) | 1
    parts: Sequence[npt.NDArray[np.uint64]] = [
        _mix(_bits(table[start : start + batch]) * factors[1:]).sum(axis=1, dtype=np.uint64)
        for start in range(0, len(table), batch)
    ]
    return np.concatenate([np.empty(0, np.uint64), *parts]) + _mix(_bits(labels) * factors[0])


def _bits(values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint64]:
    plain = np.asarray(values, np.float32) + np.float32(0)  # -0.0 is 0.0
    plain[np.isnan(plain)] = np.float32("nan")
    return np.ascontiguousarray(plain).view(np.uint32).astype(np.uint64)


def _mix(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    mixed: npt.NDArray[np.uint64] = numbers ^ (numbers >> np.uint64(29))
    return mixed * np.uint64(0xBF58476D1CE4E5B9)
