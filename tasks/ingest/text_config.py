"""How records are written as text: what CSV and NDJSON leave open, of files and of answers."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from tasks.core.config import Config

_NUMBER = re.compile("[iuf](8|16|32|64)|decimal.*")


def _spelled(column: Any, source: Mapping[str, Any]) -> Any:
    kind = column.get("type") if isinstance(column, Mapping) else column
    options = ("decimal", "thousands") if _NUMBER.fullmatch(str(kind)) else ("true", "false")
    given = {name: source[name] for name in options if name in source}
    if not given or not (options[0] == "decimal" or kind == "bool"):
        return column
    return {**given, **(column if isinstance(column, Mapping) else {"type": column})}


class TextFormat(Config):
    """The dialect of delimited text, and the encoding."""

    header: bool = Field(
        True,
        description="CSV: whether the first record names the columns; where not, the schema "
        "does, in order",
    )
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="CSV: between fields; a comma, a tab in TSV"
    )
    quote: str | None = Field(
        '"', min_length=1, max_length=1, description="CSV: around fields; null where none is used"
    )
    escape: str | None = Field(
        None,
        min_length=1,
        max_length=1,
        description="CSV: takes its meaning from the character behind it, as a backslash does; a "
        "doubled quote is always taken as one",
    )
    comment: str | None = Field(
        None, min_length=1, description="CSV: a line that begins with it is no record"
    )
    skip_lines: int = Field(
        0, ge=0, description="CSV, fixed width, Excel: lines before the header, or the first record"
    )
    trailer: str | None = Field(
        None,
        min_length=1,
        description="CSV, fixed width: regular expression of the last line, which is no record; a "
        "file without it is refused; its group `rows` is the number of records",
        examples=[r"TRAILER\|(?P<rows>[0-9]+)"],
    )
    encoding: str = Field("utf-8", description="CSV and NDJSON: the text's encoding")
    nulls: tuple[str, ...] = Field(
        (), description="CSV: texts that mean null, beside the empty one", examples=[["NA", "\\N"]]
    )
    final_newline: Literal["required", "optional"] = Field(
        "required",
        description="Whether a last line without its newline counts as cut short and is held back",
    )

    decimal: str = Field(".", pattern="^[.,]$", description="Of every number, unless it says so")
    thousands: str | None = Field(None, description="Of every number, unless it says so")
    true: tuple[str, ...] = Field((), description="Of every bool, unless it says so")
    false: tuple[str, ...] = Field((), description="Of every bool, unless it says so")

    @model_validator(mode="before")
    @classmethod
    def _spelled_everywhere(cls, given: Any) -> Any:
        """Have each column say how it is spelled; what it says itself stands."""
        columns = given.get("schema", given.get("columns")) if isinstance(given, Mapping) else None
        if not isinstance(columns, Mapping):
            return given
        return {
            **{name: value for name, value in given.items() if name != "columns"},
            "schema": {name: _spelled(column, given) for name, column in columns.items()},
        }

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str) -> str:
        try:
            "a".encode(encoding)
            return codecs.lookup(encoding).name.removesuffix("-sig")
        except LookupError as error:
            raise ValueError(f"not an encoding that Python knows: {encoding!r}") from error

    @field_validator("trailer")
    @classmethod
    def _is_expression(cls, trailer: str | None) -> str | None:
        try:
            re.compile(trailer or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return trailer

    @model_validator(mode="after")
    def _marks_differ(self) -> TextFormat:
        marks = [m for m in (self.delimiter or ",", self.quote, self.escape) if m]
        if len(set(marks)) < len(marks) or any(m in "\r\n\0" or ord(m) > 127 for m in marks):
            raise ValueError(
                "delimiter, quote and escape are different ASCII characters, no newlines"
            )
        return self
