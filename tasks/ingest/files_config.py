"""What a source of files is: where they lie, what they are written in, when they are complete."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from tasks.core.config import Config, Duration
from tasks.ingest.access_config import Access, split_url
from tasks.ingest.http_config import Pointer
from tasks.ingest.incremental import Incremental
from tasks.ingest.names import matcher
from tasks.ingest.templates import expand_date
from tasks.ingest.text_config import TextFormat

Format = Literal[
    "auto",
    "csv",
    "tsv",
    "fixed",
    "json",
    "ndjson",
    "parquet",
    "arrow",
    "avro",
    "xlsx",
    "npz",
    "idx",
]
_WITHOUT_ARRAYS = {"csv", "tsv", "fixed", "avro", "xlsx"}


class Manifest(Config):
    """A file that lists the files of a drop, and may say what each has to be."""

    path: str = Field(
        min_length=1,
        description="Where it is, as path says it: JSON, CSV with a header, or one name a line, "
        "by its ending and its start; names are relative to its folder",
        examples=["drops/{date}/manifest.json"],
    )
    unlisted: Literal["refuse", "ignore"] = Field(
        "refuse", description="What a file is that path finds and the manifest does not list"
    )
    elsewhere: Literal["refuse", "ignore"] = Field(
        "refuse", description="What a listed file is that path does not find"
    )


def _spell_out(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


class FilesConfig(TextFormat, Incremental):
    """Files of one batch date, found by a pattern below the pipeline's folder or in a bucket."""

    kind: Literal["files"] = Field(description="Files in a folder or an object store")
    path: str = Field(
        min_length=1,
        description="Pattern relative to the pipeline file, or the URL of objects (s3://, gs://, "
        "az://, abfs://); {date} is the batch date, {date:%Y%m%d} its other spellings; * and ** "
        "match names; of a folder, the files in it",
        examples=["drops/{date}/*.csv", "s3://drops/{date}/*.parquet"],
    )
    format: Format = Field(
        "auto", description="Format of the files; auto goes by their names' endings"
    )
    access: Access | None = Field(
        None, description="Objects: as whom to ask the object store, and where; anonymous if empty"
    )
    ready: str | None = Field(
        None,
        description="Pattern of a file that says the drop is complete; nothing is read without it",
        examples=["drops/{date}/_SUCCESS"],
    )
    manifest: Annotated[
        Manifest | None,
        BeforeValidator(_spell_out, json_schema_input_type=str | Manifest | None),
    ] = Field(None, description="A file that lists the drop's files")
    settle: Duration = Field(
        dt.timedelta(0),
        description="Local files: how long a file must not have changed before it is read; a "
        "younger one is waited for",
    )
    max_file_bytes: int = Field(
        64 * 1024**3, ge=1, description="A file of more bytes, decompressed, is refused"
    )
    records: Pointer = Field("", description="JSON: pointer to the list of records")
    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (), description="Fixed width: characters of each column, in the order of the schema"
    )
    sheet: str | Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="Excel: the sheet's name, or its number counted from 1; needed where there "
        "are several",
    )
    arrays: dict[str, Annotated[str, Field(min_length=1)]] = Field(
        {},
        description="idx: for each column the part of a file's name that tells its file",
        examples=[{"image": "images-idx3", "label": "labels-idx1"}],
    )

    @field_validator("path", "ready")
    @classmethod
    def _stays_inside(cls, path: str | None) -> str | None:
        return path if path is None else check_path(path)

    @field_validator("manifest")
    @classmethod
    def _manifest_stays_inside(cls, manifest: Manifest | None) -> Manifest | None:
        if manifest is not None:
            check_path(manifest.path)
        return manifest

    @model_validator(mode="after")
    def _no_watermark(self) -> FilesConfig:
        if self.watermark:
            raise ValueError("a drop is read whole: files have no watermark, but late and version")
        return self

    @model_validator(mode="after")
    def _in_one_place(self) -> FilesConfig:
        others = (self.ready, self.manifest.path if self.manifest else None)
        if any(split_url(path)[0] != split_url(self.path)[0] for path in others if path):
            raise ValueError("path, ready and manifest lie in one place: one folder, or one bucket")
        if self.access and not split_url(self.path)[0]:
            raise ValueError("access says nothing about local files")
        if self.access:
            self.access.check_scheme(split_url(self.path)[0])
        return self

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

    @model_validator(mode="after")
    def _arrays_fit(self) -> FilesConfig:
        if (self.format == "idx") != bool(self.arrays):
            raise ValueError("format: idx and arrays go together")
        if self.arrays and set(self.arrays) != set(self.columns):
            raise ValueError("arrays name the file of each column of the schema, and no other")
        nested = [name for name, column in self.columns.items() if column.dtype.is_nested()]
        if nested and self.format in _WITHOUT_ARRAYS:
            raise ValueError(f"{self.format} cannot hold arrays, as {nested[0]} is one")
        return self

    @property
    def is_remote(self) -> bool:
        """Whether the files are objects of an object store."""
        return bool(split_url(self.path)[0])


def check_path(path: str) -> str:
    """Hold that a pattern leads nowhere but below the pipeline's folder, or into one bucket.

    Raises:
        ValueError: it may not.
    """
    place, pattern = split_url(path)
    parts = re.split(r"[/\\]", pattern)
    if pattern.startswith(("/", "~")) or ".." in parts or "\0" in path or "\\" in path:
        raise ValueError("a path stays below the pipeline's folder: no leading /, no '..'")
    if place and any(mark in place for mark in "*?[{"):
        raise ValueError("a bucket is named, not found by a pattern")
    expand_date(pattern, dt.date(2000, 1, 1))
    try:
        matcher(pattern)
    except re.error as error:
        raise ValueError(f"not a pattern: {error}") from error
    return path
