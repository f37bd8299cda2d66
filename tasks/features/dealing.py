"""Deal the families of features, and the rows they read, into shares that never meet.

What a family takes of an event's past is of its entity alone. Dealt by a hash of the entity, all
rows of one lie in one share, and families of one entity share theirs. A family that reads other
rows as well, all of them say, is a share of its own with every row in it. Families of a row
alone read no history.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from tasks.core.event import EventConfig
from tasks.features.config import Family, FeaturesConfig
from tasks.features.learned_config import LearnedFamily
from tasks.features.past_config import (
    FrequencyFamily,
    HistoryFamily,
    NoveltyFamily,
    RiskFamily,
    SequenceFamily,
    SeriesFamily,
    StreaksFamily,
)
from tasks.features.table_config import BasketFamily, EventsFamily, OwnFamily


@dataclass(frozen=True, slots=True)
class Deal:
    """How rows are dealt.

    Args:
        by: columns whose rows of equal values stay together; none where all rows do.
        looks_back: whether rows of other dates than the events' are read.
    """

    by: tuple[str, ...]
    looks_back: bool

    def number(self, shares: int) -> pl.Expr:
        """The share of each row, from 0."""
        if shares == 1:
            return pl.lit(0, pl.UInt64)
        # The low bits of the hash of short values are much alike.
        return (pl.struct(self.by).hash(seed=0) // 2**20) % shares


@dataclass(frozen=True, slots=True)
class Share:
    """Some families, and the rows that they read.

    Args:
        families: their places in the pipeline's list.
        deal: how the rows are dealt.
        number: which of the shares these rows are.
        shares: how many there are.
    """

    families: tuple[int, ...]
    deal: Deal
    number: int
    shares: int

    def takes(self) -> pl.Expr:
        """Whether a row is in the share."""
        return self.deal.number(self.shares) == self.number


def shares(config: FeaturesConfig, event: EventConfig, count: int) -> Iterator[Share]:
    """The shares of all families that learn nothing.

    Args:
        config: the families.
        event: what an event is.
        count: into how many shares rows are dealt.
    """
    dealt: dict[Deal, list[int]] = {}
    for place, family in enumerate(config.root):
        if isinstance(family, LearnedFamily):
            continue
        deal = _deal(family, event)
        if deal.by:
            dealt.setdefault(deal, []).append(place)
        else:
            yield Share((place,), deal, 0, 1)
    for deal, places in dealt.items():
        yield from (Share(tuple(places), deal, number, count) for number in range(count))


def _deal(family: Family, event: EventConfig) -> Deal:
    match family:
        case RiskFamily() if family.smoothing:  # towards the share over all entities
            return Deal((), looks_back=True)
        case (
            HistoryFamily()
            | NoveltyFamily()
            | RiskFamily()
            | StreaksFamily()
            | SequenceFamily()
            | SeriesFamily()
        ):
            return Deal(family.entity, looks_back=True)
        case BasketFamily():
            return Deal(family.by, looks_back=True)
        case FrequencyFamily() | OwnFamily():
            return Deal((), looks_back=True)
        case EventsFamily():  # dealt, each share would read the other table whole
            return Deal((), looks_back=False)
    return Deal(event.key, looks_back=False)
