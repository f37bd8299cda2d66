"""What a source declares that is read piece by piece: what is new, what wins, what is late."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import polars as pl
from pydantic import Field, field_validator, model_validator

from tasks.core.config import Config, Duration, format_duration
from tasks.core.sql import RowExpression
from tasks.ingest.schema import Source

Watermark = dt.datetime | dt.date | int

_DAY = dt.timedelta(days=1)
_NOTHING = dt.timedelta()


class Late(Config):
    """Rows belong to the business date of a column, also those that arrive later."""

    by: str = Field(
        description="Date or datetime column whose date, in the pipeline's timezone, a row "
        "belongs to",
        examples=["InvoiceDate"],
    )
    horizon: Duration = Field(
        7 * _DAY, description="Rows that arrive more whole days later than this are rejected"
    )

    @field_validator("horizon")
    @classmethod
    def _whole_days(cls, horizon: dt.timedelta) -> dt.timedelta:
        if horizon % _DAY:
            raise ValueError(f"whole days are required, 7d say; found {format_duration(horizon)}")
        return horizon


class Incremental(Source):
    """A source that may be read piece by piece; without `watermark` and `late` it is not."""

    watermark: str | None = Field(
        None,
        description="Column that says when the source learned of a row; each night reads from "
        "where the nights before it came to. The query or address asks by :watermark, {watermark}",
        examples=["updated_at"],
    )
    watermark_unit: Literal["s", "ms", "us"] | None = Field(
        None, description="For a watermark of whole numbers: what it counts since 1970, in UTC"
    )
    overlap: Duration = Field(
        _NOTHING,
        description="How far before that a night reads again, for rows that became visible late",
    )
    start: dt.date | None = Field(
        None, description="First date that is read; empty: everything there is"
    )
    version: str | None = Field(
        None,
        description="Column whose greatest value wins among the versions of a key; default: the "
        "watermark, else the date of arrival",
    )
    late: Late | None = Field(None, description="Where rows of earlier business dates belong")
    deleted: RowExpression | None = Field(
        None,
        description="SQL condition of a version that says its key is gone",
        examples=["deleted_at IS NOT NULL"],
    )

    @property
    def is_incremental(self) -> bool:
        """Whether what is read is kept, and the landed table made from all that was kept."""
        return self.watermark is not None or self.late is not None

    @model_validator(mode="after")
    def _belongs_together(self) -> Incremental:
        given = {
            "watermark_unit": self.watermark_unit is not None,
            "overlap": bool(self.overlap),
            "start": self.start is not None,
        }
        alone = [name for name, is_given in given.items() if is_given and not self.watermark]
        if alone:
            raise ValueError(f"{alone[0]} says nothing without a watermark")
        for name in ("version", "deleted"):
            if getattr(self, name) and not self.is_incremental:
                raise ValueError(f"{name} says nothing without a watermark or late")
            if getattr(self, name) and not self.key:
                raise ValueError(f"{name} needs a key")
        if self.watermark and not self.key:
            raise ValueError("a watermark needs a key: by it versions of a row are told")
        if self.is_incremental and self.drift == "evolve":
            raise ValueError("drift: evolve does not go with a watermark or late")
        return self

    @model_validator(mode="after")
    def _columns_fit(self) -> Incremental:
        schema = self.table_schema
        named = {"watermark": self.watermark, "version": self.version}
        for key, column in (named | {"late.by": self.late and self.late.by}).items():
            if column is not None and column not in schema:
                raise ValueError(f"{key} names a column that the schema does not declare: {column}")
        if self.late and not isinstance(schema[self.late.by], (pl.Date, pl.Datetime)):
            raise ValueError(f"late.by is a date or a datetime; {self.late.by} is neither")
        if self.watermark:
            whole = schema[self.watermark].is_integer()
            if not whole and not isinstance(schema[self.watermark], (pl.Date, pl.Datetime)):
                raise ValueError("a watermark is a date, a datetime, or a whole number with a unit")
            if whole != (self.watermark_unit is not None):
                raise ValueError(
                    "watermark_unit and a watermark of whole numbers go together: a number that "
                    "counts no time cannot tell where a night ends"
                )
        return self
