"""What the families of features have in common: how they name columns, values and windows."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from tasks.core.config import Config, Duration
from tasks.core.sql import RowExpression

NO_TIME = dt.timedelta(0)


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _named(values: Any) -> Any:
    """A list of columns names each by itself."""
    if isinstance(values, str):
        return {values: f'"{values}"'}
    if isinstance(values, (list, tuple)):
        return {column: f'"{column}"' for column in values}
    return values


Columns = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Values = Annotated[dict[str, RowExpression], BeforeValidator(_named)]
Windows = Annotated[tuple[Duration, ...], Field(min_length=1)]


class FamilyConfig(Config):
    """What all families share.

    A family whose `needs_time` is set looks into the past, and is refused where events have no
    time.
    """

    needs_time: ClassVar[bool] = False

    @property
    def lookback(self) -> dt.timedelta:
        """How far before an event it looks: history that must be loaded before the first one."""
        longest: dt.timedelta = max(getattr(self, "windows", ()), default=NO_TIME)
        delay: dt.timedelta | None = getattr(self, "delay", None)
        return longest + (delay or NO_TIME)
