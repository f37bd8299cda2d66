"""What a SQL source is: its address, its query or table, its limits."""

from __future__ import annotations

import datetime as dt
import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from tasks.core.config import Config, Duration
from tasks.ingest.incremental import Incremental
from tasks.ingest.templates import Url

_COMMENT = r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*"
_WATERMARK = re.compile(r"(?<![:\\\w]):watermark\b")
_READS = re.compile(rf"{_COMMENT}(select|with|values|table|from)\b", re.IGNORECASE | re.DOTALL)


class Partition(Config):
    """A query read in ranges of one column by several connections, all in one snapshot."""

    column: str = Field(
        min_length=1, description="A column of the query: whole numbers, dates or datetimes"
    )
    parts: int = Field(16, ge=2, le=10_000, description="Ranges of equal width to cut it into")
    connections: int = Field(4, ge=1, le=64, description="Connections that read them at once")


class SqlConfig(Incremental):
    """The rows of one query or table, read in one snapshot."""

    kind: Literal["sql"] = Field(description="A SQL database")
    url: Url = Field(
        description="Address of the database, as SQLAlchemy writes it; ${NAME} is filled in",
        examples=[
            "sqlite:///customers.db",
            "duckdb:///events.duckdb",
            "postgresql://user:${PASSWORD}@host/db",
            "mysql://user:${PASSWORD}@host/db",
        ],
    )
    query: str = Field(
        "",
        description="One SELECT; :date is the batch date, :since its start, :until its end (the "
        "next midnight), in the pipeline's time zone; :since_utc and :until_utc are the same "
        "moments in UTC, :watermark what an incremental source has read up to. Order it by "
        "the key: then the same rows give the same file",
    )
    table: str = Field(
        "",
        description="In place of a query: a table, with its schema where need be, in the "
        "order of the key; columns that are not declared are met as `drift` says",
        examples=["customers", "sales.orders"],
    )
    partition: Partition | None = Field(
        None, description="PostgreSQL: read ranges of a column at once"
    )
    verify_count: bool = Field(
        True,
        description="Count the rows a second time in the same snapshot, where the database has "
        "one, and hold that as many arrived",
    )
    batch_rows: int = Field(50_000, ge=1, description="Rows fetched at a time")
    timeout: Duration = Field(dt.timedelta(seconds=30), description="Longest wait to connect")
    deadline: Duration = Field(
        dt.timedelta(hours=2), description="Longest time for one reading, counted again each time"
    )
    attempts: int = Field(
        3, ge=1, le=100, description="Times the whole is read, where the connection breaks"
    )

    @field_validator("query")
    @classmethod
    def _reads(cls, query: str) -> str:
        if query and not _READS.match(query):
            first = query.split(maxsplit=1)
            raise ValueError(f"one SELECT is expected; found {first[0] if first else 'nothing'!r}")
        return query

    @field_validator("table")
    @classmethod
    def _names(cls, table: str) -> str:
        if table and not all(part.strip() and part.isprintable() for part in table.split(".")):
            raise ValueError(f"a table is NAME or SCHEMA.NAME; found {table!r}")
        return table

    @model_validator(mode="after")
    def _one_of_both(self) -> SqlConfig:
        if bool(self.query) == bool(self.table):
            raise ValueError("name a query or a table, and not both")
        return self

    @model_validator(mode="after")
    def _asks_by_watermark(self) -> SqlConfig:
        if bool(self.watermark) != bool(_WATERMARK.search(self.query)):
            raise ValueError(
                "a watermark and a query that asks for it go together: where … > :watermark"
            )
        return self
