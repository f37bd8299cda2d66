"""What readers hand on: typed rows and held-back records, a part of a source at a time."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from tasks.core import quarantine
from tasks.core.binary import Bytes, tell
from tasks.core.errors import SchemaDriftError
from tasks.ingest.schema import Source

LINE = quarantine.LINE
SOURCE = quarantine.SOURCE
_NUMBER = re.compile(r'"\\u0000(\d+)"')


@dataclass(frozen=True, slots=True)
class Held:
    """One record that is held back.

    Args:
        line: its 1-based position in its source.
        reasons: why.
        raw: what was read.
    """

    line: int
    reasons: list[str]
    raw: str


@dataclass(frozen=True, slots=True)
class Part:
    """Some consecutive records of one source.

    Args:
        source: file, address or name of the source.
        seen: records read, counted apart from what became of them.
        rows: the declared columns, typed, and `_line`, in the source's order; where the source may
            evolve also its new columns, as text; `_source` where it is not the same for all.
        held: the others.
    """

    source: str
    seen: int
    rows: pl.DataFrame
    held: list[Held]


def landed_schema(source: Source) -> pl.Schema:
    """The landed table's columns: those declared, in order, `_source` and `_line`."""
    return pl.Schema({**source.table_schema, SOURCE: pl.String(), LINE: pl.Int64()})


def landed_rows(part: Part, source: Source) -> pl.DataFrame:
    """A part's rows as the landed table has them."""
    origin = [] if SOURCE in part.rows.columns else [pl.lit(part.source).alias(SOURCE)]
    return part.rows.with_columns(*origin, pl.col(LINE).cast(pl.Int64)).select(
        list(landed_schema(source))
    )


def held_rows(part: Part, table: str) -> pl.DataFrame:
    """A part's held-back records as the quarantine has them."""
    return pl.DataFrame(
        {
            "stage": ["ingest"] * len(part.held),
            "table": [table] * len(part.held),
            "source": [part.source] * len(part.held),
            "line": [held.line for held in part.held],
            "reasons": [held.reasons for held in part.held],
            "raw": [held.raw for held in part.held],
        },
        schema=quarantine.SCHEMA,
    )


def check_columns(found: Iterable[str], source: Source, where: str) -> None:
    """Hold that a source has the declared columns, in any order, and by its policy no others.

    Raises:
        SchemaDriftError: naming those that are missing, and those that are not declared.
    """
    found = list(found)
    missing = [name for name in source.columns if name not in found]
    extra = [name for name in found if name not in source.columns]
    twice = sorted({name for name in found if found.count(name) > 1})
    unfit = [name for name in extra if not name or name.startswith("_")]
    allowed = not extra or source.drift == "ignore" or (source.drift == "evolve" and not unfit)
    if not missing and not twice and allowed:
        return
    if source.personal is not None:  # a file without its header has values there
        findings = [*(f"{name!r} is missing" for name in missing), f"{len(extra)} not declared"]
    else:
        findings = [
            *(f"{name!r} is missing{_perhaps(name, extra)}" for name in missing),
            *(f"{name!r} is not declared" for name in extra),
            *(f"{name!r} stands there twice" for name in twice),
        ]
    raise SchemaDriftError(
        f"the columns {', '.join(source.columns)}",
        found="; ".join(findings),
        where=where,
        do="Ask who sends the data; if the change is meant, change the source's schema"
        + (
            ", or set drift: evolve to take new columns along, ignore to leave them out."
            if not missing
            else "."
        ),
    )


def _perhaps(name: str, candidates: list[str]) -> str:
    """Name the likeliest new name of a missing column."""

    def plain(text: str) -> str:
        return "".join(character for character in text.lower() if character.isalnum())

    same = [c for c in candidates if plain(c) == plain(name)]
    close = same or difflib.get_close_matches(name, candidates, n=1)
    return f" (renamed to {close[0]!r}?)" if close else ""


def to_json(record: Mapping[str, Any] | Any) -> str:
    """A record as JSON, for the quarantine; a number stays one, with all its digits."""
    numbers: list[str] = []

    def spell(value: Any) -> str:
        if not (isinstance(value, Decimal) and value.is_finite()):
            return _in_words(value)
        numbers.append(str(value))
        return f"\0{len(numbers) - 1}"

    text = json.dumps(record, ensure_ascii=False, default=spell)
    if not numbers:
        return text
    spelled, found = _NUMBER.subn(lambda match: numbers[int(match[1])], text)
    return spelled if found == len(numbers) else json.dumps(record, default=_in_words)


def _in_words(value: Any) -> str:
    return tell(value) if isinstance(value, Bytes) else str(value)
