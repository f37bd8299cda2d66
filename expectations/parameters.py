"""Values that a suite leaves open: `$batch_date`, `$batch_date + 1d`, `$usual_countries`."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

_REFERENCE = re.compile(
    r"\$(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:\s*(?P<sign>[+-])\s*(?P<count>\d+)(?P<unit>[smhdw]))?"
)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class UnknownParameterError(LookupError):
    """A suite names a parameter that nobody gave."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def resolve(value: Any, parameters: Mapping[str, Any]) -> Any:
    """Put the values of parameters into an argument, however deep they stand in it.

    A string that is wholly `$name`, or `$name` with a span added or taken away (`s`, `m`, `h`,
    `d`, `w`), stands for the parameter; `$$` at the start of a string stands for one `$`.

    Raises:
        UnknownParameterError: there is no such parameter.
        TypeError: a span is added to what is no date.
    """
    if isinstance(value, Mapping):
        return {key: resolve(entry, parameters) for key, entry in value.items()}
    if isinstance(value, list):
        return [resolve(entry, parameters) for entry in value]
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    if value.startswith("$$"):
        return value[1:]
    match = _REFERENCE.fullmatch(value.strip())
    if match is None:
        return value
    if match["name"] not in parameters:
        raise UnknownParameterError(match["name"])
    given = parameters[match["name"]]
    return given if match["sign"] is None else _shift(given, match)


def escape(value: Any) -> Any:
    """Write a value so that `resolve` gives it back: the inverse of its `$$`."""
    return f"${value}" if isinstance(value, str) and value.startswith("$") else value


def _shift(given: Any, match: re.Match[str]) -> dt.date:
    if not isinstance(given, dt.date):
        raise TypeError(f"${match['name']} is no date, so no span can be added to it")
    span = dt.timedelta(**{_UNITS[match["unit"]]: int(match["count"])})
    whole_days = not span % dt.timedelta(days=1)
    start: dt.date = given
    if not whole_days and not isinstance(given, dt.datetime):
        start = dt.datetime.combine(given, dt.time())
    return start + span if match["sign"] == "+" else start - span
