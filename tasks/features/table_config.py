"""The families that look at other rows known with an event, at another table, or by a function."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from tasks.core.config import Duration
from tasks.core.sql import RowExpression
from tasks.features.family import NO_TIME, Columns, FamilyConfig, Values
from tasks.features.past_config import OF_OWN_VALUE, PastFamily


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


class EventsFamily(PastFamily):
    """Rows of a second event table, strictly before the event: log-ins before a payment."""

    family: Literal["events"] = Field("events", description="The past in a second event table")
    table: str = Field(description="The second table, one of the sources")
    on: dict[str, str] = Field(min_length=1, description="Whose rows: event column to its column")
    time: str = Field(description="Its column with the time of a row")
    key: Columns = Field((), description="Its columns that name a row; a repeated one counts once")
    name: str | None = Field(None, description="What to call its rows; empty: the table's name")

    @model_validator(mode="after")
    def _no_value_of_its_own(self) -> Self:
        own = sorted(OF_OWN_VALUE & set(self.statistics))
        if own:
            raise ValueError(f"{own} need a value of the event itself")
        return self


class OwnFamily(FamilyConfig):
    """Features by a Python function."""

    family: Literal["own"] = Field("own", description="A Python function of yours")
    function: str = Field(
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description="module:function; the module lies beside the pipeline file or is installed",
    )
    within: Duration = Field(NO_TIME, description="How far before an event the function looks")

    @property
    def lookback(self) -> dt.timedelta:
        """How far before an event it looks."""
        return self.within
