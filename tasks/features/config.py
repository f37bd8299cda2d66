"""The families of features a pipeline file can name."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Self

from pydantic import Field, RootModel

from tasks.core.errors import ConfigError
from tasks.core.event import EventConfig
from tasks.features.family import NO_TIME
from tasks.features.learned_config import (
    ClustersFamily,
    ComponentsFamily,
    LearnedFamily,
    QuantileBinsFamily,
    TargetRateFamily,
)
from tasks.features.past_config import (
    FrequencyFamily,
    HistoryFamily,
    NoveltyFamily,
    RiskFamily,
    SequenceFamily,
    SeriesFamily,
    StreaksFamily,
)
from tasks.features.row_config import (
    BinsFamily,
    CalendarFamily,
    CategoriesFamily,
    ColumnsFamily,
    CrossesFamily,
    ExpressionsFamily,
    HolidaysFamily,
    NgramsFamily,
    PairsFamily,
    PixelsFamily,
    TextFamily,
)
from tasks.features.table_config import BasketFamily, EventsFamily, LookupFamily, OwnFamily
from tasks.features.tally import TallyingFamily

Family = Annotated[
    ColumnsFamily
    | ExpressionsFamily
    | PairsFamily
    | CalendarFamily
    | HolidaysFamily
    | TextFamily
    | NgramsFamily
    | CategoriesFamily
    | BinsFamily
    | CrossesFamily
    | PixelsFamily
    | FrequencyFamily
    | HistoryFamily
    | NoveltyFamily
    | RiskFamily
    | StreaksFamily
    | SequenceFamily
    | SeriesFamily
    | BasketFamily
    | LookupFamily
    | EventsFamily
    | OwnFamily
    | ComponentsFamily
    | ClustersFamily
    | QuantileBinsFamily
    | TargetRateFamily,
    Field(discriminator="family"),
]


class FeaturesConfig(RootModel[tuple[Family, ...]]):
    """The families of a pipeline, in order; their features keep it."""

    model_config = {"frozen": True}

    root: Annotated[tuple[Family, ...], Field(min_length=1)]

    @property
    def lookback(self) -> dt.timedelta:
        """History that must be loaded before the first event."""
        return max(family.lookback for family in self.root)

    @property
    def tallying(self) -> tuple[TallyingFamily, ...]:
        """The families that keep tallies of the dates before."""
        return tuple(f for f in self.root if isinstance(f, TallyingFamily) and f.state)

    @property
    def lookback_of_rows(self) -> dt.timedelta:
        """How far before an event the families look that need the rows themselves."""
        needing = (family.lookback for family in self.root if family not in self.tallying)
        return max(needing, default=NO_TIME)

    @property
    def tables(self) -> tuple[str, ...]:
        """The dimension tables the families look into."""
        return tuple(sorted({f.table for f in self.root if isinstance(f, LookupFamily)}))

    @property
    def histories(self) -> dict[str, dt.timedelta]:
        """The second event tables, and how far before an event each is needed."""
        found: dict[str, dt.timedelta] = {}
        for family in self.root:
            if isinstance(family, EventsFamily):
                known = found.get(family.table, family.lookback)
                found[family.table] = max(known, family.lookback)
        return found

    @property
    def functions(self) -> tuple[str, ...]:
        """The functions of the pipeline's own, as `module:function`."""
        return tuple(sorted({f.function for f in self.root if isinstance(f, OwnFamily)}))

    @property
    def reads_labels(self) -> bool:
        """Whether a family takes the past labels of the pipeline."""
        return any(isinstance(f, RiskFamily) and f.where is None for f in self.root)

    @property
    def learns(self) -> bool:
        """Whether a family learns from training time."""
        return any(isinstance(family, LearnedFamily) for family in self.root)

    @property
    def learns_from_labels(self) -> bool:
        """Whether a family learns from the labels of training time."""
        return any(isinstance(family, TargetRateFamily) for family in self.root)

    def with_label_delay(self, delay: dt.timedelta) -> Self:
        """The families with the label's delay where they name none of their own."""
        families = (
            family.model_copy(update={"delay": delay})
            if isinstance(family, (RiskFamily, TargetRateFamily)) and family.delay is None
            else family
            for family in self.root
        )
        return self.model_copy(update={"root": tuple(families)})

    def check(self, event: EventConfig) -> None:
        """Hold that every family can be computed for such events.

        Raises:
            ConfigError: a family needs a time and events have none, or a lookup does not say
                from when its rows were known.
        """
        for position, family in enumerate(self.root):
            where = f"features[{position}], family {family.family}"
            timed = isinstance(family, (CalendarFamily, HolidaysFamily)) and family.column is None
            if event.time is None and (family.needs_time or timed):
                raise ConfigError(
                    "event.time, for a family that looks at time",
                    found="no event.time",
                    where=where,
                    do="Name the time column of the events, or remove the family.",
                )
            undated = isinstance(family, LookupFamily) and family.known_from is None
            if event.time is not None and undated:
                raise ConfigError(
                    "`known_from`: since when a row of the dimension was known",
                    found="nothing",
                    where=where,
                    do="Name the column with that time; without it the future could be looked up.",
                )
