"""Stretches of batch dates, each twice as long as those it is made of, that tallies are kept of.

A stretch begins on a date that its length divides, counted from a fixed day: which ones there are
does not depend on the night that looks back. Any range of n dates is some 2 log n of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Instants = tuple[dt.datetime, dt.datetime]


@dataclass(frozen=True, slots=True)
class Stretch:
    """So many dates from the first on, a power of two."""

    first: dt.date
    days: int

    @property
    def last(self) -> dt.date:
        """The last of its dates."""
        return self.first + dt.timedelta(days=self.days - 1)

    @property
    def halves(self) -> tuple[Stretch, Stretch]:
        """The two that it is made of."""
        half = self.days // 2
        return Stretch(self.first, half), Stretch(self.first + dt.timedelta(days=half), half)

    def within(self, dates: Sequence[dt.date]) -> tuple[dt.date, ...]:
        """Those of some dates that lie in it."""
        return tuple(day for day in dates if self.first <= day <= self.last)


def roots(first: dt.date, last: dt.date) -> Iterator[Stretch]:
    """The longest stretches that lie within two dates, both included, in their order."""
    number, end = first.toordinal(), last.toordinal() + 1
    while number < end:
        length = number & -number
        while number + length > end:
            length //= 2
        yield Stretch(dt.date.fromordinal(number), length)
        number += length


@dataclass(frozen=True, slots=True)
class Edges:
    """Where the windows of some events begin and end.

    Args:
        asked: first and last time of the events.
        before: how long before its event each edge lies.
    """

    asked: Instants
    before: frozenset[dt.timedelta]

    def part(self, rows: Instants | None) -> bool:
        """Whether an edge of some event's window may lie among rows between two times."""
        if rows is None:
            return False
        (first, last), (soonest, latest) = rows, self.asked
        return any(
            not (last < soonest - before or first >= latest - before) for before in self.before
        )
