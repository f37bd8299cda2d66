"""The families that look at the row itself."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from tasks.core.sql import RowExpression
from tasks.features.family import Columns, FamilyConfig


def _rising(edges: tuple[float, ...]) -> tuple[float, ...]:
    if not edges or any(low >= high for low, high in pairwise(edges)):
        raise ValueError(f"edges are numbers, each above the one before; found {list(edges)}")
    return edges


Edges = Annotated[tuple[float, ...], AfterValidator(_rising)]


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


class BinsFamily(FamilyConfig):
    """Between which declared edges a number lies."""

    family: Literal["bins"] = Field("bins", description="Numbers in bins of declared edges")
    edges: dict[str, Edges] = Field(
        min_length=1, description="Edges by column, rising: the number of edges not above the value"
    )


class CrossesFamily(FamilyConfig):
    """Columns of a row taken together: products of numbers, combinations of categories."""

    family: Literal["crosses"] = Field("crosses", description="Columns of the row taken together")
    products: tuple[tuple[str, str], ...] = Field((), description="Pairs of numbers, multiplied")
    hashed: tuple[tuple[str, ...], ...] = Field(
        (), description="Columns whose combination falls into one of the buckets"
    )
    buckets: int = Field(16, ge=2, le=4096, description="One feature each, 0 or 1")


class NgramsFamily(FamilyConfig):
    """How often the pieces of a text fall into each of a few buckets."""

    family: Literal["ngrams"] = Field("ngrams", description="Pieces of a text, hashed")
    columns: Columns = Field(min_length=1, description="Text columns")
    of: Literal["characters", "words"] = Field("characters", description="What is counted")
    n: int = Field(3, ge=1, le=8, description="Characters or words in a piece")
    buckets: int = Field(16, ge=2, le=4096, description="One feature each, a count")


class HolidaysFamily(FamilyConfig):
    """Whether a date is a holiday, and how far the nearest ones are."""

    family: Literal["holidays"] = Field("holidays", description="Holidays near the date")
    country: str | None = Field(
        None, description="ISO code of a country whose public holidays count, GB say"
    )
    subdivision: str | None = Field(None, description="Its part, ENG say")
    dates: tuple[dt.date, ...] = Field((), description="Further days that count")
    column: str | None = Field(None, description="Another date column than event.time")
    reach_days: int = Field(
        14, ge=1, le=180, description="Holidays farther away are as far as this"
    )

    @model_validator(mode="after")
    def _some_days(self) -> HolidaysFamily:
        if not self.country and not self.dates:
            raise ValueError("name a `country`, or list `dates`")
        if self.subdivision and not self.country:
            raise ValueError("a `subdivision` is one of a `country`")
        return self


class PixelsFamily(FamilyConfig):
    """The pixels of an image, scaled to 0..1."""

    family: Literal["pixels"] = Field("pixels", description="An image's pixels")
    column: str = Field(description="A list or array column: rows of pixels, channels innermost")
    height: int = Field(ge=1, description="Rows of the image")
    width: int = Field(ge=1, description="Columns of the image")
    channels: tuple[str, ...] = Field(("grey",), min_length=1, description="Names, as they lie")
    largest: float = Field(255, gt=0, description="The value that becomes 1")
