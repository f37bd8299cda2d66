"""Which stretch of watermarks a night reads, given the stretches that nights have read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stretch:
    """The watermarks from `since`, included, to `until`, excluded.

    Args:
        since: where it begins; None for the beginning of time.
        until: where it ends.
    """

    since: dt.datetime | None
    until: dt.datetime


def covered(stretches: Iterable[Stretch], start: dt.datetime | None) -> dt.datetime | None:
    """How far the source was read without a gap.

    Args:
        stretches: what was read.
        start: where reading begins; None for the beginning of time.

    Returns:
        The end of the gapless part; None where the beginning was not read yet.
    """
    reached = start
    for stretch in sorted(stretches, key=lambda s: (s.since is not None, s.since or s.until)):
        begins_there = stretch.since is None or (reached is not None and stretch.since <= reached)
        if begins_there:
            reached = max(reached or stretch.until, stretch.until)
    return reached


def plan(
    begins: dt.datetime,
    until: dt.datetime,
    overlap: dt.timedelta,
    stretches: Iterable[Stretch],
    own: Stretch | None,
    start: dt.datetime | None,
) -> Stretch:
    """The stretch a night reads: what no night has read up to its end, and the overlap before it.

    A night that is run again reads at least what it read before.

    Args:
        begins: when its date begins.
        until: when its date ends.
        overlap: how much is read again.
        stretches: what other nights have read.
        own: what it read before itself.
        start: where reading begins; None for the beginning of time.
    """
    reached = covered(stretches, start)
    if reached is None or (own is not None and own.since is None):
        return Stretch(None, until)
    since = min(reached, begins) - overlap
    if own is not None and own.since is not None:
        since = min(since, own.since)
    return Stretch(since if start is None else max(since, min(start, until)), until)
