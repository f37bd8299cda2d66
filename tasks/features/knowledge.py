"""When what features are built from is known: what a proof of no leak may change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.core.event import EventConfig
from tasks.features.config import FeaturesConfig
from tasks.features.table_config import BasketFamily, EventsFamily, LookupFamily


@dataclass(frozen=True, slots=True)
class Knowledge:
    """When what the features are built from is known.

    Args:
        time: the time column of the rows; None where they have none.
        key: columns that identify a row; the future keeps no key of the past.
        together: for each kind of transaction the columns that name one; its rows of one time
            are known together.
        late: columns that are known only some time after their row, labels for example.
        dimensions: the column, by other table, with the time a row was known from.
        landed: those of them whose rows were known once they had arrived, date by date.
        ends: the column, by dimension table, with the time a row is valid until: not known before.
    """

    time: str | None
    key: tuple[str, ...]
    together: tuple[tuple[str, ...], ...] = ()
    late: Mapping[str, dt.timedelta] = field(default_factory=dict)
    dimensions: Mapping[str, str] = field(default_factory=dict)
    landed: frozenset[str] = frozenset()
    ends: Mapping[str, str] = field(default_factory=dict)


def knowledge(
    config: FeaturesConfig, event: EventConfig, late: Mapping[str, dt.timedelta]
) -> Knowledge:
    """What the families say of when their rows are known.

    Args:
        config: the families.
        event: what an event is.
        late: columns that are known some time after their row, and that time.
    """
    lookups = [family for family in config.root if isinstance(family, LookupFamily)]
    events = [family for family in config.root if isinstance(family, EventsFamily)]
    return Knowledge(
        event.time,
        event.key,
        tuple(family.by for family in config.root if isinstance(family, BasketFamily)),
        late,
        {
            **{family.table: family.known_from for family in lookups if family.known_from},
            **{family.table: family.time for family in events},
        },
        frozenset(family.table for family in events),
        {family.table: family.known_until for family in lookups if family.known_until},
    )
