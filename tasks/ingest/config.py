"""What a source is: files, an HTTP API or a SQL query."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Literal

from pydantic import Discriminator, Field, field_validator, model_validator

from tasks.core.config import Duration
from tasks.ingest.http_config import HttpConfig, Pointer
from tasks.ingest.schema import Source
from tasks.ingest.templates import Url, expand_date
from tasks.ingest.text_config import TextFormat


class FilesConfig(TextFormat, Source):
    """Files of one batch date, found by a pattern below the pipeline's folder."""

    kind: Literal["files"] = Field(description="Files in a folder")
    path: str = Field(
        min_length=1,
        description="Pattern relative to the pipeline file; {date} is the batch date, "
        "{date:%Y%m%d} its other spellings; * and ** match names",
        examples=["drops/{date}/*.csv"],
    )
    format: Literal["auto", "csv", "tsv", "fixed", "json", "ndjson", "parquet", "arrow", "avro"] = (
        Field("auto", description="Format of the files; auto goes by their names' endings")
    )
    ready: str | None = Field(
        None,
        description="Pattern of a file that says the drop is complete; nothing is read without it",
        examples=["drops/{date}/_SUCCESS"],
    )
    max_file_bytes: int = Field(
        64 * 1024**3, ge=1, description="A file of more bytes, decompressed, is refused"
    )
    records: Pointer = Field("", description="JSON: pointer to the list of records")
    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (), description="Fixed width: characters of each column, in the order of the schema"
    )

    @field_validator("path", "ready")
    @classmethod
    def _stays_inside(cls, path: str | None) -> str | None:
        if path is None:
            return None
        parts = re.split(r"[/\\]", path)
        if path.startswith(("/", "~")) or ".." in parts or "\0" in path or "\\" in path:
            raise ValueError("a path stays below the pipeline's folder: no leading /, no '..'")
        expand_date(path, dt.date(2000, 1, 1))
        return path

    @model_validator(mode="after")
    def _widths_fit(self) -> FilesConfig:
        if (self.format == "fixed") != bool(self.widths):
            raise ValueError("format: fixed and widths go together")
        if self.widths and len(self.widths) != len(self.columns):
            raise ValueError(
                f"{len(self.columns)} columns need {len(self.columns)} widths, not "
                f"{len(self.widths)}"
            )
        return self


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
