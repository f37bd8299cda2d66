"""The base of every stage's configuration: frozen, self-checking, nothing extra."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

_DURATION = re.compile(r"(\d+)\s*(s|m|h|d|w)")
_DAY = dt.timedelta(days=1)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Config(BaseModel):
    """A frozen pydantic model that refuses keys it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, validate_default=True
    )


def parse_duration(text: object) -> object:
    """Read `90s`, `15m`, `6h`, `30d` or `2w` into a timedelta; pass anything else on.

    Raises:
        ValueError: a string of another form.
    """
    if not isinstance(text, str):
        return text
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"a duration is a whole number and one of s, m, h, d, w (30d, 6h); found {text!r}"
        )
    return dt.timedelta(**{_UNITS[match[2]]: int(match[1])})


def format_duration(span: dt.timedelta) -> str:
    """Write a timedelta in its largest whole unit: `30d`, `6h`, `90s`."""
    seconds = round(span.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def whole_days(span: dt.timedelta) -> dt.timedelta:
    """The span, rounded up to whole days: what lies so far before a date is in so many dates."""
    return -(-span // _DAY) * _DAY


Duration = Annotated[
    dt.timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+\s*[smhdw]$", "examples": ["30d", "6h"]}),
]
