"""What a first pipeline file says of a table: guessed from how its columns look."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from expectations.profile import ColumnProfile, TableProfile
from tasks.core.event import RESERVED
from tasks.core.quarantine import LINE, SOURCE

_TIME_NAME = re.compile(r"(?i)time|date|stamp|_at$|^ts$")
_LABEL_NAME = re.compile(
    r"(?i)(^|_)(label|target|class|outcome|fraud|is_?fraud|fraudulent|attack|churn|churned|default)$"
)
_MAX_ONE_HOT = 30
_LOG_FROM = 100.0


@dataclass(frozen=True, slots=True)
class Label:
    """A guess at what is to be predicted.

    Args:
        config: as it stands in the pipeline file.
        told: why it was guessed.
    """

    config: dict[str, Any]
    told: str


def time_column(table: TableProfile) -> str | None:
    """The column with the time of the event: complete before incomplete, by name, in order."""
    times = [c for c in table.columns if isinstance(c.dtype, pl.Datetime) and c.role == "time"]
    times.sort(key=lambda c: (c.missing > 0, not _TIME_NAME.search(c.name)))
    return times[0].name if times else None


def label(table: TableProfile) -> Label:
    """A column to predict: by its name, else the last one if it has few values, else any such.

    The configuration is always one that loads, so that a first pipeline file can be checked.
    """
    few = [c for c in table.columns if (c.role == "flag" or c.counts) and c.name not in table.key]
    named = [c for c in few if _LABEL_NAME.search(c.name)]
    last = [c for c in few if c.name == table.columns[-1].name]
    two = [c for c in few if c.counts is not None and len(c.counts) == 2]
    chosen = next(iter((*named, *last, *two, *few)), None)
    if chosen is None:
        column = table.columns[-1].name
        told = "no column looks like one: say where labels come from"
        return Label({"kind": "column", "column": column, "positive": ["fill in"]}, told)
    value = True if chosen.role == "flag" else _rarest(chosen.counts or {})
    guess = "is a guess by the column's name" if chosen in named else "is a placeholder"
    told = f"{chosen.name} = {value} {guess}"
    return Label({"kind": "column", "column": chosen.name, "positive": [value]}, told)


def event(name: str, table: TableProfile, time: str | None, answer: Label) -> dict[str, Any]:
    """The events: their table, key, time, and the columns that name who takes part."""
    key = [column for column in table.key if column not in RESERVED]
    entities = [
        c.name
        for c in table.columns
        if c.role == "id" and c.name not in (*key, answer.config["column"], *RESERVED)
    ]
    return {
        "table": name,
        "key": key or [SOURCE, LINE],
        **({"time": time} if time else {}),
        **({"entities": entities} if entities else {}),
    }


def features(table: TableProfile, events: Mapping[str, Any], answer: Label) -> list[dict[str, Any]]:
    """Families of features for a start, of every column that is not key, time or label."""
    taken = {*events["key"], *events.get("entities", ()), events.get("time")}
    free = [c for c in table.columns if c.name not in taken | {answer.config["column"]}]
    families = [*_of_rows(free), *_of_time(events)]
    absent = {"family": "columns", "missing": [table.columns[0].name]}
    return families or [absent]


def _of_rows(free: list[ColumnProfile]) -> Iterator[dict[str, Any]]:
    numbers = [c for c in free if c.dtype.is_numeric() and c.role in ("number", "category")]
    skewed = [c.name for c in numbers if c.quantiles and abs(c.quantiles[-1]) >= _LOG_FROM]
    plain = [c.name for c in numbers if c.name not in skewed]
    plain += [c.name for c in free if c.role == "flag"]
    if plain or skewed:
        yield {
            "family": "columns",
            **({"columns": plain} if plain else {}),
            **({"log": skewed} if skewed else {}),
        }
    words = {c.name: list(c.counts) for c in free if c.counts and c.dtype == pl.String}
    few = {name: values for name, values in words.items() if len(values) <= _MAX_ONE_HOT}
    if few:
        yield {"family": "categories", "one_hot": few}


def _of_time(events: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if not events.get("time"):
        return
    yield {"family": "calendar", "parts": ["hour", "weekday"]}
    for entity in events.get("entities", [])[:2]:
        yield {
            "family": "history",
            "entity": entity,
            "windows": ["1d", "7d", "30d"],
            "statistics": ["count", "since_last"],
        }


def _rarest(counts: Mapping[Any, int]) -> Any:
    return min(counts, key=lambda value: (counts[value], str(value)))
