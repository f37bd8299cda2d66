"""Where an event's label comes from, and when it is known."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.core.config import Config, Duration
from tasks.core.sql import RowExpression


class FollowedBy(Config):
    """Positive: a later row of the same table answers the event within a span of time.

    A cancelled purchase, a charge-back, a repair. The label is known once the span has passed, if
    every open date of it was landed.
    """

    kind: Literal["followed_by"] = Field("followed_by", description="Labelled by a later row")
    where: RowExpression = Field(description="SQL condition for the rows that answer an event")
    same: tuple[str, ...] = Field(min_length=1, description="Columns an answer shares with it")
    within: Duration = Field(description="Longest time from the event to its answer")
    at_most: str | None = Field(
        None, description="Numeric column: an answer's absolute value may not exceed the event's"
    )
    match: Literal["latest", "any"] = Field(
        "latest",
        description="An answer marks the latest event before it that fits, or all that fit",
    )

    @property
    def delay(self) -> dt.timedelta:
        """Time from an event until its label is known."""
        return self.within

    @model_validator(mode="after")
    def _some_time(self) -> FollowedBy:
        if self.within <= dt.timedelta(0):
            raise ValueError("`within` is longer than nothing")
        return self


class OwnColumn(Config):
    """A label that stands in a column of the event itself."""

    column: str = Field(description="The column; where it is empty the event has no label")
    delay: Duration = Field(
        dt.timedelta(0), description="Time from an event until its label is known"
    )


class LabelColumn(OwnColumn):
    """Positive by a column's value."""

    kind: Literal["column"] = Field("column", description="Labelled by a column")
    positive: tuple[str | int | bool, ...] = Field((), description="Values that mean positive")
    negative: tuple[str | int | bool, ...] = Field(
        (), description="Values that mean negative; all others mean positive"
    )

    @model_validator(mode="after")
    def _one_side(self) -> LabelColumn:
        if bool(self.positive) == bool(self.negative):
            raise ValueError("give the positive values or the negative ones, not both")
        return self


class Disposition(Config):
    """Positive by the verdict of who looked at the event, in a table of its own.

    Events that nobody looked at have no label. Of several verdicts the last counts, among those
    that were there when the label became known.
    """

    kind: Literal["disposition"] = Field("disposition", description="Labelled by reviewers")
    table: str = Field(description="The source with the verdicts, one row for each")
    on: tuple[str, ...] = Field(
        (),
        description="Its columns that name the event, in the order of event.key; empty: as there",
    )
    verdict: str = Field(description="Its column with the verdict; where it is empty there is none")
    positive: tuple[str | int | bool, ...] = Field(
        min_length=1, description="Verdicts that mean positive; all others mean negative"
    )
    time: str | None = Field(
        None, description="Its column with the time of the verdict; empty: the end of its date"
    )
    within: Duration = Field(
        dt.timedelta(days=3),
        description="Time from an event until its label is known; later verdicts are not used",
    )

    @property
    def delay(self) -> dt.timedelta:
        """Time from an event until its label is known."""
        return self.within

    @model_validator(mode="after")
    def _some_time(self) -> Disposition:
        if self.within <= dt.timedelta(0):
            raise ValueError("`within` is longer than nothing")
        return self


class LabelClass(OwnColumn):
    """One of several classes; positive where it is not the normal one."""

    kind: Literal["class"] = Field("class", description="Labelled by a column that names a class")
    normal: str | int | bool = Field(description="The class that nobody looks for")


class LabelValue(OwnColumn):
    """A number to be predicted: an amount, a time, a demand."""

    kind: Literal["value"] = Field("value", description="Labelled by a column that holds a number")


class NoLabel(Config):
    """Nothing says what is looked for: models learn what is usual, and nobody can say how well."""

    kind: Literal["none"] = Field("none", description="No labels at all")

    @property
    def delay(self) -> dt.timedelta:
        """There is nothing to wait for."""
        return dt.timedelta(0)


LabelConfig = Annotated[
    FollowedBy | LabelColumn | LabelClass | LabelValue | Disposition | NoLabel,
    Field(discriminator="kind"),
]
