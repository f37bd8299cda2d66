"""The families that look at the rows strictly before an event."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tasks.core.config import Duration
from tasks.core.sql import RowExpression
from tasks.features.family import NO_TIME, Columns, FamilyConfig, Values, Windows

State = Annotated[
    bool,
    Field(
        description="Keep tallies of the dates before, so that a night reads no more of them than "
        "the edges of the windows; the features are the same"
    ),
]
Quantile = Annotated[str, Field(pattern=r"^p[1-9]\d?$", description="A percentile: p90 say")]
Statistic = (
    Literal["count", "sum", "mean", "std", "min", "max", "median"]
    | Literal["ratio", "zscore", "since_last", "since_first"]
    | Quantile
)
OF_WINDOWS = frozenset({"count", "since_last", "since_first"})
OF_OWN_VALUE = frozenset({"ratio", "zscore"})
_OF_THE_MOMENT = frozenset({"ratio", "zscore", "since_last", "since_first"})


class FrequencyFamily(FamilyConfig):
    """How common a row's value was in the past: its share of the rows in a window."""

    needs_time: ClassVar[bool] = True
    family: Literal["frequency"] = Field("frequency", description="Share of a value in the past")
    columns: Columns = Field(min_length=1, description="Categorical columns")
    windows: Windows = Field(description="Spans of time before the event")


class PastFamily(FamilyConfig):
    """What is taken of rows strictly before an event, over any number of windows in one pass."""

    needs_time: ClassVar[bool] = True
    windows: Windows = Field(description="Spans of time before the event")
    last: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (), description="Windows of so many rows, the last ones within the longest span"
    )
    statistics: tuple[Statistic, ...] = Field(("count",), description="What is taken of the past")
    values: Values = Field({}, description="Columns, or SQL by name, for statistics of values")
    distinct: Columns = Field(
        (), description="Columns whose distinct values are counted, in the windows of time"
    )
    where: RowExpression | None = Field(
        None, description="SQL condition: only these rows of the past are taken"
    )
    delay: Duration = Field(
        NO_TIME, description="A past row is known only this long after its time"
    )

    @model_validator(mode="after")
    def _values_are_taken(self) -> Self:
        of_values = sorted(set(self.statistics) - OF_WINDOWS)
        if of_values and not self.values:
            raise ValueError(f"{of_values} are of `values`")
        if self.values and not of_values:
            raise ValueError("`values` without a statistic of values")
        return self


class HistoryFamily(PastFamily):
    """An entity's rows strictly before the event."""

    family: Literal["history"] = Field("history", description="The past of an entity")
    entity: Columns = Field(min_length=1, description="Column or columns that name the entity")
    name: str | None = Field(None, description="What to call the rows that `where` takes")
    velocity: bool = Field(
        False, description="Add each shorter window's rate of rows over the longest window's"
    )
    state: State = False

    @model_validator(mode="after")
    def _can_be_tallied(self) -> Self:
        ranked = sorted(one for one in self.statistics if one == "median" or one[1:].isdigit())
        rows = [f"last {number}" for number in self.last]
        of_rows = [*ranked, *rows, *(f"distinct {column}" for column in self.distinct)]
        if self.state and of_rows:
            raise ValueError(
                f"no `state` for {', '.join(of_rows)}: they need the rows one by one; name them in "
                "a family of their own, with windows as short as will do"
            )
        return self

    @model_validator(mode="after")
    def _consistent(self) -> HistoryFamily:
        late = sorted(_OF_THE_MOMENT & set(self.statistics)) + ["velocity"] * self.velocity
        if self.delay and (late or self.distinct):
            raise ValueError(f"not of rows known with a delay: {late or 'distinct'}")
        if (self.where is None) != (self.name is None):
            raise ValueError("`where` and `name` go together: the name tells the features apart")
        return self


class NoveltyFamily(FamilyConfig):
    """Whether an entity meets a value for the first time in a window."""

    needs_time: ClassVar[bool] = True
    family: Literal["novelty"] = Field("novelty", description="First meetings")
    entity: Columns = Field(min_length=1, description="Column or columns that name the entity")
    of: Columns = Field(min_length=1, description="Columns whose values may be new to it")
    windows: Windows = Field(description="Spans of time before the event")
    state: State = False


class RiskFamily(FamilyConfig):
    """The share of an entity's past rows that turned out positive, once that was known."""

    needs_time: ClassVar[bool] = True
    family: Literal["risk"] = Field("risk", description="Past labels of an entity")
    entity: Columns = Field(min_length=1, description="Column or columns that name the entity")
    where: RowExpression | None = Field(
        None, description="SQL condition for rows that turned out positive; empty: the label"
    )
    delay: Duration | None = Field(
        None, description="Time until it is known of a row; empty: the label's delay"
    )
    windows: Windows = Field(description="Spans of time before the newest known row")
    smoothing: float = Field(
        0, ge=0, description="Rows of weight given to the share over all entities"
    )
    state: State = False

    @model_validator(mode="after")
    def _can_be_tallied(self) -> Self:
        if self.state and self.where is None:
            raise ValueError(
                "no `state` for labels, which a later night may learn of an earlier date; name a "
                "condition of the row itself in `where`"
            )
        if self.state and self.smoothing:
            raise ValueError("no `state` with `smoothing`, which looks at all entities")
        return self

    @model_validator(mode="after")
    def _a_delay_of_its_own(self) -> RiskFamily:
        if self.where is not None and self.delay is None:
            raise ValueError(
                "`where` needs a `delay`; without both the label is taken with its own"
            )
        return self


class StreaksFamily(FamilyConfig):
    """The entity's rows just before the event that have something in common without a break."""

    needs_time: ClassVar[bool] = True
    family: Literal["streaks"] = Field("streaks", description="Rows in a row")
    entity: Columns = Field(min_length=1, description="Column or columns that name the entity")
    windows: Windows = Field(description="Spans of time before the event")
    conditions: dict[str, RowExpression] = Field(
        {}, description="SQL by name: how many of the last rows hold it without a break"
    )
    unchanged: Columns = Field(
        (), description="Columns: rows and hours since the value changed; whether it changes now"
    )

    @model_validator(mode="after")
    def _something(self) -> StreaksFamily:
        if not self.conditions and not self.unchanged:
            raise ValueError("name `conditions` or columns that stay `unchanged`")
        return self


class SequenceFamily(FamilyConfig):
    """The last rows of an entity, one after another, for models that read sequences."""

    needs_time: ClassVar[bool] = True
    family: Literal["sequence"] = Field("sequence", description="The last rows of an entity")
    entity: Columns = Field((), description="Columns that name the entity; empty: one series")
    name: str = Field("sequence", pattern=r"^[^.@]+$", description="What to call it")
    steps: int = Field(ge=1, le=512, description="How many rows")
    within: Duration = Field(description="Longest time before the event")
    values: Values = Field(min_length=1, description="Channels: columns, or SQL by name")
    gaps: bool = Field(True, description="Add the channel gap_hours: until the next step")
    current: bool = Field(True, description="Add the event itself as the last step, @0")

    @property
    def lookback(self) -> dt.timedelta:
        """How far before an event it looks."""
        return self.within


class SeriesFamily(FamilyConfig):
    """A series before the event in steps of equal length, for models that read series."""

    needs_time: ClassVar[bool] = True
    family: Literal["series"] = Field("series", description="Steps of time before the event")
    entity: Columns = Field((), description="Columns that name the series; empty: one series")
    name: str = Field("series", pattern=r"^[^.@]+$", description="What to call it")
    steps: int = Field(ge=1, le=512, description="How many steps")
    every: Duration = Field(description="Length of a step")
    values: Values = Field(min_length=1, description="Channels: columns, or SQL by name")
    statistic: Literal["mean", "sum", "min", "max", "std", "median"] = Field(
        "mean", description="What is taken of a step's rows"
    )
    counts: bool = Field(False, description="Add the channel rows: how many a step has")

    @property
    def lookback(self) -> dt.timedelta:
        """How far before an event it looks."""
        return self.steps * self.every
