"""What a first pipeline file says of a table: guessed from how its columns look."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from expectations.profile import ColumnProfile, TableProfile
from tasks.core.event import RESERVED
from tasks.core.quarantine import LINE, SOURCE
from tasks.select.answers import telling

_TIME_NAME = re.compile(r"(?i)time|date|stamp|_at$|^ts$")
_LABEL_NAME = re.compile(
    r"(?i)(^|_)(label|target|class|outcome|fraud|is_?fraud|fraudulent|attack|churn|churned|default)$"
)
_MAX_ONE_HOT = 30
_LOG_FROM = 100.0
_MANY_NAMES = 100
_COMES_AGAIN = 3
_MAX_ENTITIES = 2
_MAX_VALUES = 3
_DELAY = "7d"


@dataclass(frozen=True, slots=True)
class Label:
    """A guess at what is to be predicted.

    Args:
        config: as it stands in the pipeline file.
        told: why it was guessed.
        found: whether there is such a column; else a place in the file to be filled in.
    """

    config: dict[str, Any]
    told: str
    found: bool = True


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
        return Label(
            {"kind": "column", "column": column, "positive": ["fill in"]}, told, found=False
        )
    value = True if chosen.role == "flag" else _rarest(chosen.counts or {})
    guess = "is a guess by the column's name" if chosen in named else "is a placeholder"
    told = f"{chosen.name} = {value} {guess}"
    return Label({"kind": "column", "column": chosen.name, "positive": [value]}, told)


def _names_someone(column: ColumnProfile, rows: int) -> bool:
    """Whether a text is likely the name of somebody or something that comes again and again."""
    comes_again = rows - column.missing >= _COMES_AGAIN * column.distinct
    named = column.dtype == pl.String and column.role in ("category", "text")
    return named and comes_again and column.distinct >= _MANY_NAMES


def with_delay(answer: Label) -> Label:
    """The label as something known a week after its event only, as most answers are."""
    told = f"{answer.told}; that it is known {_DELAY} after the event is one too"
    return replace(answer, config={**answer.config, "delay": _DELAY}, told=told)


def event(name: str, table: TableProfile, time: str | None, answer: Label) -> dict[str, Any]:
    """The events: their table, key, time, and the columns that name who takes part."""
    key = [column for column in table.key if column not in RESERVED]
    free = [c for c in table.columns if c.name not in (*key, answer.config["column"], *RESERVED)]
    entities = [c.name for c in free if c.role == "id"]
    entities += [c.name for c in free if _names_someone(c, table.rows)]
    return {
        "table": name,
        "key": key or [SOURCE, LINE],
        **({"time": time} if time else {}),
        **({"entities": entities} if entities else {}),
    }


def answering(frames: Sequence[pl.DataFrame], answer: Label) -> tuple[str, ...]:
    """Columns that tell the label by themselves: most likely written after the answer.

    Args:
        frames: the rows, in frames of the same columns.
        answer: the label.
    """
    if not answer.found:
        return ()
    rows = pl.concat(frames)
    column, positive = answer.config["column"], answer.config["positive"]
    others = [name for name in rows.columns if name not in (column, *RESERVED)]
    codes = [_number(name, rows.schema[name]) for name in others]
    known = rows.filter(pl.col(column).is_not_null())
    labels = known[column].is_in(positive).cast(pl.Int8).to_numpy()
    table = known.select(codes).to_numpy().astype(np.float32)
    return tuple(name for name, _ in telling(table, labels, others))


def _number(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column as numbers in its own order, missing as NaN."""
    column = pl.col(name)
    if not (dtype.is_numeric() or dtype.is_temporal() or dtype == pl.Boolean):
        column = column.cast(pl.String, strict=False).rank("dense")
    return column.to_physical().cast(pl.Float64).fill_null(float("nan"))


def features(
    table: TableProfile, events: Mapping[str, Any], answer: Label, after: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Families of features for a start, of every column that is not key, time or label.

    Args:
        table: the table.
        events: what the pipeline file says of its events.
        answer: the label.
        after: columns that are written after the answer, and left out.
    """
    taken = {*events["key"], *events.get("entities", ()), events.get("time"), *after}
    free = [c for c in table.columns if c.name not in taken | {answer.config["column"]}]
    families = [*_of_rows(free), *_of_time(events, answer, _amounts(free))]
    absent = {"family": "columns", "missing": [table.columns[0].name]}
    return families or [absent]


def _numbers(free: list[ColumnProfile]) -> list[ColumnProfile]:
    return [c for c in free if c.dtype.is_numeric() and c.role in ("number", "category")]


def _amounts(free: list[ColumnProfile]) -> list[str]:
    """The first columns whose past is worth a look: numbers of many values."""
    return [c.name for c in _numbers(free) if c.role == "number"][:_MAX_VALUES]


def _of_rows(free: list[ColumnProfile]) -> Iterator[dict[str, Any]]:
    numbers = _numbers(free)
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


def _of_time(
    events: Mapping[str, Any], answer: Label, amounts: list[str]
) -> Iterator[dict[str, Any]]:
    if not events.get("time"):
        return
    yield {"family": "calendar", "parts": ["hour", "weekday"]}
    about = ["mean", "ratio"] if amounts else []
    for entity in events.get("entities", [])[:_MAX_ENTITIES]:
        yield {
            "family": "history",
            "entity": entity,
            "windows": ["1d", "7d", "30d"],
            "statistics": ["count", *about, "since_last"],
            **({"values": [*amounts]} if amounts else {}),
        }
        if "delay" in answer.config:
            yield {"family": "risk", "entity": entity, "windows": ["7d", "30d"], "smoothing": 10}


def _rarest(counts: Mapping[Any, int]) -> Any:
    return min(counts, key=lambda value: (counts[value], str(value)))
