"""The days on which a pipeline's data are due."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field

from tasks.core.config import Config

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)


class CalendarConfig(Config):
    """The days on which nothing arrives, so that nothing is missing then."""

    closed_weekdays: tuple[Weekday, ...] = Field((), description="Weekdays without data")
    closed_dates: tuple[dt.date, ...] = Field((), description="Single dates without data")

    def is_open(self, day: dt.date) -> bool:
        """Whether data are due for a date."""
        return day not in self.closed_dates and (
            WEEKDAYS[day.weekday()] not in self.closed_weekdays
        )

    def open_days(self, first: dt.date, last: dt.date) -> tuple[dt.date, ...]:
        """The dates from first to last, both included, for which data are due."""
        span = (first + dt.timedelta(days=i) for i in range((last - first).days + 1))
        return tuple(filter(self.is_open, span))
