"""The families of features a pipeline file can name.

A family whose `needs_time` is set looks into the past, and is refused where events have no time.
`lookback` is how far it looks: the span of history that must be loaded before the first event.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, RootModel, model_validator

from tasks.core.config import Config, Duration
from tasks.core.errors import ConfigError
from tasks.core.event import EventConfig
from tasks.core.sql import RowExpression

Statistic = Literal[
    "count", "sum", "mean", "std", "min", "max", "ratio", "zscore", "since_last", "since_first"
]
_OF_VALUES = {"sum", "mean", "std", "min", "max", "ratio", "zscore"}
_AFTER_DELAY = {"count", "sum", "mean"}
_NONE = dt.timedelta(0)


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _named(values: Any) -> Any:
    """A list of columns names each by itself."""
    if isinstance(values, str):
        return {values: f'"{values}"'}
    if isinstance(values, (list, tuple)):
        return {column: f'"{column}"' for column in values}
    return values


Columns = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Values = Annotated[dict[str, RowExpression], BeforeValidator(_named)]
Windows = Annotated[tuple[Duration, ...], Field(min_length=1)]


class FamilyConfig(Config):
    """What all families share."""

    needs_time: ClassVar[bool] = False

    @property
    def lookback(self) -> dt.timedelta:
        """How far before an event the family looks."""
        longest: dt.timedelta = max(getattr(self, "windows", ()), default=_NONE)
        delay: dt.timedelta = getattr(self, "delay", _NONE)
        return longest + delay


class ColumnsFamily(FamilyConfig):
    """Numeric or boolean columns, as they are or in logarithms."""

    family: Literal["columns"] = Field("columns", description="Columns of the row itself")
    columns: Columns = Field((), description="Columns taken as they are")
    log: Columns = Field((), description="Columns taken as sign(x) log(1 + |x|)")
    missing: Columns = Field((), description="Columns of which only the absence is taken, 0 or 1")


class ExpressionsFamily(FamilyConfig):
    """Free expressions over the row, in SQL."""

    family: Literal["expressions"] = Field("expressions", description="SQL over the row itself")
    expressions: dict[str, RowExpression] = Field(
        min_length=1, description="SQL by the feature's name"
    )


class PairsFamily(FamilyConfig):
    """Ratios and differences of pairs of numeric columns."""

    family: Literal["pairs"] = Field("pairs", description="Two columns of the row against another")
    ratios: tuple[tuple[str, str], ...] = Field((), description="Pairs: first divided by second")
    differences: tuple[tuple[str, str], ...] = Field((), description="Pairs: first minus second")


class CalendarFamily(FamilyConfig):
    """Where an event's time lies in the day, the week and the year."""

    family: Literal["calendar"] = Field("calendar", description="The time of the event")
    parts: tuple[Literal["hour", "minute_of_day", "weekday", "day", "month", "weekend"], ...] = (
        Field(("hour", "weekday", "day"), description="Parts taken as numbers")
    )
    cyclic: tuple[Literal["hour", "weekday", "day", "month"], ...] = Field(
        (), description="Parts taken as sine and cosine, so that the last is next to the first"
    )
    column: str | None = Field(None, description="Another datetime column than event.time")


class TextFamily(FamilyConfig):
    """Lengths and character classes of text columns."""

    family: Literal["text"] = Field("text", description="The shape of a text")
    columns: Columns = Field(min_length=1, description="Text columns")
    measures: tuple[
        Literal["length", "words", "digit_share", "upper_share", "letter_share"], ...
    ] = Field(("length", "words", "digit_share", "upper_share"), description="What is measured")


class CategoriesFamily(FamilyConfig):
    """Declared values of categorical columns; undeclared ones are all zeros, or missing."""

    family: Literal["categories"] = Field("categories", description="Declared values of a column")
    one_hot: dict[str, tuple[str | int | bool, ...]] = Field(
        {}, description="Values by column: one feature each, 0 or 1"
    )
    ordinal: dict[str, tuple[str | int | bool, ...]] = Field(
        {}, description="Values by column, in order: one feature, the position from 0"
    )


class FrequencyFamily(FamilyConfig):
    """How common a row's value was in the past: its share of the rows in a window."""

    needs_time: ClassVar[bool] = True
    family: Literal["frequency"] = Field("frequency", description="Share of a value in the past")
    columns: Columns = Field(min_length=1, description="Categorical columns")
    windows: Windows = Field(description="Spans of time before the event")


class HistoryFamily(FamilyConfig):
    """An entity's rows strictly before the event, over any number of windows in one pass."""

    needs_time: ClassVar[bool] = True
    family: Literal["history"] = Field("history", description="The past of an entity")
    entity: Columns = Field(min_length=1, description="Column or columns that name the entity")
    windows: Windows = Field(description="Spans of time before the event")
    statistics: tuple[Statistic, ...] = Field(("count",), description="What is taken of the past")
    values: Values = Field({}, description="Columns, or SQL by name, for statistics of values")
    distinct: Columns = Field((), description="Columns whose distinct values are counted")
    where: RowExpression | None = Field(
        None, description="SQL condition: only these rows of the past are taken"
    )
    name: str | None = Field(None, description="What to call the rows that `where` takes")
    velocity: bool = Field(
        False, description="Add each shorter window's rate of rows over the longest window's"
    )
    delay: Duration = Field(
        _NONE, description="A past row is known only this long after its time (its label's delay)"
    )

    @model_validator(mode="after")
    def _consistent(self) -> HistoryFamily:
        if _OF_VALUES & set(self.statistics) and not self.values:
            raise ValueError(f"{sorted(_OF_VALUES & set(self.statistics))} are of `values`")
        if self.values and not _OF_VALUES & set(self.statistics):
            raise ValueError("`values` without a statistic of values")
        if self.delay and (set(self.statistics) - _AFTER_DELAY or self.distinct or self.velocity):
            raise ValueError(f"with a delay only {sorted(_AFTER_DELAY)} can be taken")
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


class RiskFamily(FamilyConfig):
    """The share of an entity's past rows that turned out positive, once that was known."""

    needs_time: ClassVar[bool] = True
    family: Literal["risk"] = Field("risk", description="Past labels of an entity")
    entity: Columns = Field(min_length=1, description="Column or columns that name the entity")
    where: RowExpression = Field(description="SQL condition for rows that turned out positive")
    delay: Duration = Field(description="Time until a row's label is known")
    windows: Windows = Field(description="Spans of time before the newest known label")
    smoothing: float = Field(
        0, ge=0, description="Rows of weight given to the share over all entities"
    )


class BasketFamily(FamilyConfig):
    """Rows of the same transaction: same keys and same time, hence known together."""

    needs_time: ClassVar[bool] = True
    family: Literal["basket"] = Field("basket", description="Rows of the same transaction")
    by: Columns = Field(min_length=1, description="Columns that name the transaction")
    values: Values = Field({}, description="Columns, or SQL by name")
    statistics: tuple[Literal["sum", "mean", "max", "min", "share", "rank"], ...] = Field(
        ("sum", "share"), description="What is taken of each value; share and rank are the row's"
    )
    distinct: Columns = Field((), description="Columns whose distinct values are counted")


class LookupFamily(FamilyConfig):
    """The newest row of a dimension table that was known strictly before the event."""

    family: Literal["lookup"] = Field("lookup", description="A row of a dimension table")
    table: str = Field(description="The dimension table, one of the sources")
    on: dict[str, str] = Field(min_length=1, description="Its key: event column to its column")
    columns: Columns = Field((), description="Its numeric columns that are taken")
    expressions: dict[str, RowExpression] = Field(
        {}, description="SQL by name over the event's columns and, as <table>_<column>, its own"
    )
    known_from: str | None = Field(
        None, description="Its column with the time from which a row was known"
    )
    known_until: str | None = Field(
        None, description="Its column with the time until which a row is valid; empty: for ever"
    )
    age: bool = Field(False, description="Add the hours since the row became known")


Family = Annotated[
    ColumnsFamily
    | ExpressionsFamily
    | PairsFamily
    | CalendarFamily
    | TextFamily
    | CategoriesFamily
    | FrequencyFamily
    | HistoryFamily
    | NoveltyFamily
    | RiskFamily
    | BasketFamily
    | LookupFamily,
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
    def tables(self) -> tuple[str, ...]:
        """The dimension tables the families look into."""
        return tuple(sorted({f.table for f in self.root if isinstance(f, LookupFamily)}))

    def check(self, event: EventConfig) -> None:
        """Hold that every family can be computed for such events.

        Raises:
            ConfigError: a family needs a time and events have none, or a lookup does not say
                from when its rows were known.
        """
        for position, family in enumerate(self.root):
            where = f"features[{position}], family {family.family}"
            calendar = isinstance(family, CalendarFamily) and family.column is None
            if event.time is None and (family.needs_time or calendar):
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
