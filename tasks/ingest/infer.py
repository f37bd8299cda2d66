"""What a source of files could be declared as, from files of it.

Every guess is tried with the readers that will read the files each night: a type is taken only
where it fits every value.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.errors import ConfigError
from tasks.ingest import text
from tasks.ingest.config import FilesConfig
from tasks.ingest.files import read_files
from tasks.ingest.parts import Part
from tasks.ingest.schema import ColumnType
from tasks.ingest.sniff import sniff

_DELIMITED = {".csv", ".tsv", ".tab", ".txt", ".data"}
_NULLS = ("NA", "N/A", "NULL", "null", "\\N", "NaN", "nan")
_DAYS = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d")
_TIMES = ("%H:%M", "%H:%M:%S")
_TYPES: tuple[Mapping[str, str], ...] = (
    {"type": "i64"},
    {"type": "f64"},
    {"type": "bool"},
    {"type": "date"},
    {"type": "datetime"},
    {"type": "datetime", "timezone": "UTC"},
    {"type": "time"},
    *({"type": "date", "format": day} for day in _DAYS),
    *({"type": "datetime", "format": f"{day} {time}"} for day in _DAYS for time in _TIMES),
)
_SAMPLE_ROWS = 1000
_WHOLE = r"^\s*[+-]?\d+\s*$"
_ANY_DATE = dt.date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Inferred:
    """A declaration that fits files.

    Args:
        declaration: as it stands in a pipeline file, without path and key.
        frames: the files' rows in the declared types, one frame a file.
        held: records that do not fit even so.
        doubts: what a person should look at, one sentence each.
    """

    declaration: dict[str, Any]
    frames: tuple[pl.DataFrame, ...]
    held: int
    doubts: tuple[str, ...]


def infer(files: Sequence[Path]) -> Inferred:
    """Infer a declaration from files of one table.

    Args:
        files: CSV, TSV or Parquet files, CSV also compressed; read whole, into memory.

    Raises:
        ConfigError: a file is of another format, or has no column that can be declared.
        SchemaDriftError: the files do not have the same columns.
    """
    kinds = {_kind(file) for file in files}
    if len(kinds) > 1:
        raise _unknown(files[0], "files of different formats")
    declaration, doubts = (_of_parquet if kinds == {"parquet"} else _of_text)(files)
    declaration = {**declaration, "schema": _with_a_moment(declaration["schema"])}
    if not declaration["schema"]:
        raise _unknown(files[0], "no column with a name and a plain type")
    parts = [list(_read(file, declaration)) for file in files]
    held = sum(len(part.held) for file in parts for part in file)
    columns = list(declaration["schema"])
    frames = tuple(pl.concat([part.rows.select(columns) for part in file]) for file in parts)
    return Inferred(declaration, frames, held, tuple(doubts))


def _with_a_moment(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema; where no column is a datetime, the first date becomes the midnight it begins."""
    dates = [name for name, declared in schema.items() if _type(declared) == "date"]
    if not dates or any(_type(declared) == "datetime" for declared in schema.values()):
        return dict(schema)
    declared = schema[dates[0]]
    written = declared["format"] if isinstance(declared, Mapping) else "%Y-%m-%d"
    return {**schema, dates[0]: {"type": "datetime", "format": written}}


def _type(declared: Any) -> str:
    return str(declared["type"] if isinstance(declared, Mapping) else declared)


def _kind(file: Path) -> str:
    endings = {ending.lower() for ending in file.suffixes}
    if ".parquet" in endings:
        return "parquet"
    if endings & _DELIMITED:
        return "text"
    raise _unknown(file, f"the ending {file.suffix or 'of none'}")


def _unknown(file: Path, found: str) -> ConfigError:
    return ConfigError(
        "CSV, TSV or Parquet files of one table",
        found=found,
        where=str(file),
        do="Give such files; other formats and sources are declared by hand (lamplighter schema).",
    )


def _read(file: Path, declaration: Mapping[str, Any]) -> Iterator[Part]:
    name = re.sub(r"([*?\[])", r"[\1]", file.name)
    source = FilesConfig.model_validate({"kind": "files", "path": name, **declaration})
    return read_files(source, _ANY_DATE, file.absolute().parent)


def _of_parquet(files: Sequence[Path]) -> tuple[dict[str, Any], list[str]]:
    schema, left_out = {}, []
    for name, dtype in pl.read_parquet_schema(files[0]).items():
        declared = _declared(dtype)
        if declared is None or not name or name.startswith("_"):
            left_out.append(name)
        else:
            schema[name] = declared
    return _with_drift({"schema": schema}, left_out)


def _declared(dtype: pl.DataType) -> Any:
    """A type as it is declared; None where it cannot be."""
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return "str"
    if isinstance(dtype, pl.Decimal):
        return f"decimal({dtype.precision},{dtype.scale})"
    if isinstance(dtype, pl.Datetime):
        zone = dtype.time_zone
        return {"type": "datetime", "timezone": zone} if zone else "datetime"
    return _PLAIN.get(type(dtype))


_PLAIN: Mapping[type[pl.DataType], str] = {
    type(ColumnType(type=name).dtype): name
    for name in (
        *("str", "bool", "date", "time", "f32", "f64"),
        *(f"{sign}{bits}" for sign in "iu" for bits in (8, 16, 32, 64)),
    )
}


def _of_text(files: Sequence[Path]) -> tuple[dict[str, Any], list[str]]:
    seen = sniff(files)
    names = [name for name in seen.columns if name and not name.startswith("_")]
    left_out = [name for name in seen.columns if name not in names]
    declaration, doubts = _with_drift(dict(seen.options), left_out)
    as_text = {**declaration, "schema": dict.fromkeys(names, "str")}
    texts = pl.concat([part.rows for file in files for part in _read(file, as_text)])
    nulls = [t for t in _NULLS if any((texts[name] == t).any() for name in names)]
    schema: dict[str, Any] = {}
    for name in names:
        schema[name], doubt = _type_of(texts[name], nulls)
        doubts += [doubt] if doubt else []
    typed = [name for name in names if schema[name] != "str"]
    meant = [t for t in nulls if any((texts[name] == t).any() for name in typed)]
    return {**declaration, **({"nulls": meant} if meant else {}), "schema": schema}, doubts


def _with_drift(
    declaration: dict[str, Any], left_out: list[str]
) -> tuple[dict[str, Any], list[str]]:
    if not left_out:
        return declaration, []
    names = ", ".join(repr(name) for name in left_out)
    doubt = f"columns left out, without a plain type or a name of their own: {names}"
    return {**declaration, "drift": "ignore"}, [doubt]


def _type_of(texts: pl.Series, nulls: Sequence[str]) -> tuple[Any, str]:
    """The first type that fits every value, and a doubt where another fits as well."""
    filled = texts.drop_nulls().filter(~texts.drop_nulls().is_in(list(nulls)))
    if filled.is_empty():
        return "str", f"{texts.name} is empty everywhere: taken as text"
    fitting = [dict(declared) for declared in _TYPES if _fits(filled, declared)]
    if not fitting:
        return "str", ""
    first, *others = fitting
    formats = [other["format"] for other in others if "format" in other and "format" in first]
    doubt = (
        f"{texts.name} is read as {first.get('format')}; {formats[0]} fits, too" if formats else ""
    )
    return first if len(first) > 1 else first["type"], doubt


def _fits(filled: pl.Series, declared: Mapping[str, str]) -> bool:
    """Whether every text says a value of a type, and loses nothing by it."""
    if declared["type"] == "f64" and filled.str.contains(_WHOLE).any():
        whole = filled.filter(filled.str.contains(_WHOLE))
        # 007 and numbers of twenty digits are names
        if len(whole) == len(filled) or not _fits(whole, {"type": "i64"}):
            return False
    column = ColumnType(**declared)
    return all(
        text.read(part.to_frame(), {filled.name: column}).failed is None
        for part in (filled.head(_SAMPLE_ROWS), filled)
    )
