"""Treatments of columns in words: how, and what was learned.

No text that came from the data is told: it may be personal.
"""

from __future__ import annotations

import datetime as dt

from tasks.core.config import format_duration
from tasks.core.treatments import (
    Carry,
    Conversion,
    Drop,
    Fence,
    Fill,
    Grouping,
    Isolation,
    Prediction,
    Treatment,
)
from tasks.report import words


def method(treatment: Treatment) -> str:
    """How a column is treated: the rule's method, and its action."""
    match treatment:
        case Conversion():
            return f"read as {treatment.dtype}"
        case Fence():
            return f"{treatment.method}, {treatment.action}"
        case Isolation():
            return f"isolation, {treatment.action}"
        case Grouping():
            return "group"
        case Drop():
            return "drop"
        case Prediction():
            return _marked("xgboost", treatment.indicator)
        case Fill() | Carry():
            return _marked(treatment.method, treatment.indicator)
        case _:
            return treatment.method


def learned(treatment: Treatment) -> str:
    """What training learned of a column."""
    match treatment:
        case Fence():
            return _bounds(treatment)
        case Isolation():
            return f"score above {words.number(treatment.threshold)}"
        case Grouping():
            kept = len(treatment.kept)
            return f"{kept:,} {'category' if kept == 1 else 'categories'} kept"
        case Fill():
            return _value(treatment)
        case Carry():
            span = format_duration(dt.timedelta(seconds=treatment.within_seconds))
            return f"within {span}, by {', '.join(treatment.by)}"
        case Prediction():
            told = f", one of {len(treatment.classes)}" if treatment.classes else ""
            return f"from {', '.join(treatment.inputs)}{told}"
        case Conversion() | Drop():
            return ""
        case _ if treatment.knots:
            low, high = treatment.knots[0], treatment.knots[-1]
            return f"{len(treatment.knots)} quantiles, {words.number(low)} to {words.number(high)}"
        case _:
            centre, spread = words.number(treatment.centre), words.number(treatment.spread)
            return f"{centre} becomes 0, a distance of {spread} becomes 1"


def _bounds(treatment: Fence) -> str:
    low, high = treatment.low, treatment.high
    if low is None or high is None:
        return "no spread, so no bounds"
    return f"{words.number(low)} to {words.number(high)}"


def _value(treatment: Fill) -> str:
    if treatment.value is None:
        return "" if treatment.method == "none" else "no value in training"
    if isinstance(treatment.value, str) and treatment.method != "constant":
        return "a date or text of the data"
    if isinstance(treatment.value, (bool, str)):
        return str(treatment.value)
    return words.number(treatment.value)


def _marked(name: str, indicator: bool) -> str:
    return f"{name}, with indicator" if indicator else name
