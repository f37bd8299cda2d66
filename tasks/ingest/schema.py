"""What a source's records must look like: its columns and their types."""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal

import polars as pl
from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from tasks.core.column_types import SIMPLE_TYPES
from tasks.core.config import Config
from tasks.ingest.personal_config import PersonalConfig

_DECIMAL = re.compile(r"decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)")
_ITEM = "bool|[iu](?:8|16|32|64)|f32|f64"
_ARRAY = re.compile(rf"array\(\s*({_ITEM})\s*((?:,\s*[1-9]\d*\s*)+)\)")
_LIST = re.compile(rf"list\(\s*({_ITEM}|str)\s*\)")
_TYPE_PATTERN = (
    rf"^({'|'.join(SIMPLE_TYPES)}|decimal\(\s*\d+\s*,\s*\d+\s*\)|{_ARRAY.pattern}|{_LIST.pattern})$"
)
_MAX_ARRAY_ITEMS = 1 << 24
_MAX_PRECISION = 38


class ColumnType(Config):
    """A column's declared type, and how text is read into it."""

    type: str = Field(
        description="str, bool, i8 to i64, u8 to u64, f32, f64, date, datetime, time, binary, "
        "decimal(precision, scale), array(type, rows, columns, …) of fixed size or list(type)",
        json_schema_extra={
            "pattern": _TYPE_PATTERN,
            "examples": ["str", "i32", "decimal(12, 2)", "array(u8, 28, 28)"],
        },
    )
    format: str | None = Field(
        None,
        description="How a date, datetime or time is written, in strftime's letters; "
        "ISO 8601 where empty",
        examples=["%d/%m/%Y %H:%M"],
    )
    timezone: str | None = Field(
        None,
        description="For a datetime: the zone its values are kept in; text with an offset is "
        "converted, text without one is local time there. Where empty, text with an offset is "
        "held back",
        examples=["Europe/London"],
    )
    encoding: Literal["base64", "hex"] | None = Field(
        None,
        description="For binary written as text, in JSON and CSV: how. Where empty, text is held "
        "back",
    )
    leading_zeros: bool = Field(
        False, description="For a whole number: read 007 as 7 in place of holding its row back"
    )
    decimal: str = Field(
        ".",
        pattern="^[.,]$",
        description="For a number written as text: what stands before its fraction",
    )
    thousands: str | None = Field(
        None,
        min_length=1,
        max_length=1,
        pattern=r"^[., '_\u00a0\u2009\u202f\u2019]$",
        description="For a number written as text: what may stand between groups of three digits",
    )
    true: tuple[str, ...] = Field(
        (), description="For a bool written as text: what means true, beside true and 1"
    )
    false: tuple[str, ...] = Field(
        (), description="For a bool written as text: what means false, beside false and 0"
    )

    @field_validator("type")
    @classmethod
    def _known(cls, text: str) -> str:
        match, array = _DECIMAL.fullmatch(text), _ARRAY.fullmatch(text)
        if not (match or array or text in SIMPLE_TYPES or _LIST.fullmatch(text)):
            raise ValueError(
                f"a type is one of {', '.join(SIMPLE_TYPES)}, decimal(p,s), array(type, n, …), "
                f"list(type); found {text!r}"
            )
        if array and math.prod(_sizes(array)) > _MAX_ARRAY_ITEMS:
            raise ValueError(f"an array has at most {_MAX_ARRAY_ITEMS} items; found {text!r}")
        if match and not 0 <= int(match[2]) <= int(match[1]) <= _MAX_PRECISION:
            raise ValueError(f"decimal(p,s) needs s <= p <= {_MAX_PRECISION}; found {text!r}")
        return text

    @model_validator(mode="after")
    def _options_fit(self) -> ColumnType:
        temporal = self.type in {"date", "datetime", "time"}
        whole = self.type[0] in "iu"
        number = whole or self.type[0] == "f" or self.type.startswith("decimal")
        for option, given, fits in (
            ("format", self.format is not None, temporal),
            ("timezone", self.timezone is not None, self.type == "datetime"),
            ("encoding", self.encoding is not None, self.type == "binary"),
            ("leading_zeros", self.leading_zeros, whole),
            ("decimal", self.decimal != ".", number),
            ("thousands", self.thousands is not None, number),
            ("true", bool(self.true), self.type == "bool"),
            ("false", bool(self.false), self.type == "bool"),
        ):
            if given and not fits:
                raise ValueError(f"{option} says nothing about a column of type {self.type}")
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands are two different characters")
        if {*self.true, "true", "1"} & {*self.false, "false", "0"}:
            raise ValueError("a text cannot mean both true and false")
        return self

    @property
    def dtype(self) -> pl.DataType:
        """The Polars type the column lands in."""
        match = _DECIMAL.fullmatch(self.type)
        if match:
            return pl.Decimal(int(match[1]), int(match[2]))
        if self.timezone:
            return pl.Datetime("us", self.timezone)
        array, items = _ARRAY.fullmatch(self.type), _LIST.fullmatch(self.type)
        if array:
            return pl.Array(SIMPLE_TYPES[array[1]], _sizes(array))
        return pl.List(SIMPLE_TYPES[items[1]]) if items else SIMPLE_TYPES[self.type]


def _sizes(array: re.Match[str]) -> tuple[int, ...]:
    return tuple(int(size) for size in array[2].split(",")[1:])


def _spell_out(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


Columns = dict[
    str,
    Annotated[
        ColumnType,
        BeforeValidator(
            _spell_out,
            json_schema_input_type=Annotated[str, Field(pattern=_TYPE_PATTERN)] | ColumnType,
        ),
    ],
]


class Source(Config):
    """What every kind of source declares."""

    model_config = ConfigDict(hide_input_in_errors=True)

    columns: Columns = Field(
        alias="schema", min_length=1, description="Each column's type, in the order of the table"
    )
    key: tuple[str, ...] = Field((), description="Columns that together name one record")
    drift: Literal["refuse", "evolve", "ignore"] = Field(
        "refuse",
        description="What a column that is not declared means: stop, take it along as text, or "
        "leave it out. A declared column that is missing always stops",
    )
    empty_text: Literal["null", "keep"] = Field(
        "null", description="What an empty text is in a column of type str"
    )

    personal: PersonalConfig | None = Field(
        None, description="Columns that are kept as keyed hashes, never as they are"
    )

    @field_validator("columns")
    @classmethod
    def _no_reserved_name(cls, columns: Columns) -> Columns:
        taken = sorted(name for name in columns if name.startswith("_") or not name)
        if taken:
            raise ValueError(
                f"names that are empty or begin with _ are kept for Lamplighter: {taken}"
            )
        return columns

    @model_validator(mode="after")
    def _key_is_declared(self) -> Source:
        unknown = [name for name in self.key if name not in self.columns]
        if unknown:
            raise ValueError(f"key names columns that the schema does not declare: {unknown}")
        return self

    @model_validator(mode="after")
    def _personal_columns_can_be_hashed(self) -> Source:
        if self.personal is None:
            return self
        types = {name: column.type for name, column in self.columns.items()}
        unfit = [name for name in self.personal.columns if types.get(name) != "str"]
        if unfit:
            raise ValueError(f"personal columns are declared with the type str; found {unfit}")
        if self.drift == "evolve":
            raise ValueError(
                "a source with personal columns takes no undeclared ones along, which may be "
                "personal too: drift is refuse or ignore"
            )
        return self

    @property
    def table_schema(self) -> dict[str, pl.DataType]:
        """The declared columns and their Polars types."""
        return {name: column.dtype for name, column in self.columns.items()}
