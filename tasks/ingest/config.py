"""What a source is: files, an HTTP API or a SQL query."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Discriminator, Field

from tasks.core.config import Duration
from tasks.ingest.files_config import FilesConfig
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.schema import Source
from tasks.ingest.templates import Url

__all__ = ["FilesConfig", "SourceConfig", "SqlConfig"]


class SqlConfig(Source):
    """The rows of one query, read in one snapshot."""

    kind: Literal["sql"] = Field(description="A SQL database")
    url: Url = Field(
        description="Address of the database, as SQLAlchemy writes it; ${NAME} is filled in",
        examples=["sqlite:///customers.db", "postgresql+psycopg://user:${PASSWORD}@host/db"],
    )
    query: str = Field(
        min_length=1,
        description="One SELECT; :date is the batch date, :since its start, :until its end "
        "(the next midnight). Order it by the key: then the same rows give the same file",
    )
    batch_rows: int = Field(50_000, ge=1, description="Rows fetched at a time")
    timeout: Duration = Field(dt.timedelta(seconds=30), description="Longest wait to connect")


SourceConfig = Annotated[FilesConfig | HttpConfig | SqlConfig, Discriminator("kind")]
