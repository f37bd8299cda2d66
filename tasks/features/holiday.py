"""Holidays: the public ones of a country, and days the pipeline file lists."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.core.errors import ConfigError
from tasks.features.row_config import HolidaysFamily

Days = NDArray[np.int64]


def holidays(family: HolidaysFamily, rows: pl.DataFrame, time: str) -> pl.DataFrame:
    """Whether the day is one, and days since the last and to the next one before and after it."""
    column = family.column or time
    prefix = f"{column}." if family.column else ""
    days = rows.select(_day(column, rows.schema[column])).to_series()
    known = days.is_not_null().to_numpy()
    numbers = days.cast(pl.Int64).fill_null(0).to_numpy()
    free = _days_off(family, days)
    since = np.full(len(numbers), family.reach_days)
    until = since.copy()
    if len(free):
        before, after = np.searchsorted(free, numbers), np.searchsorted(free, numbers, "right")
        some = before > 0
        since[some] = (numbers - free[before - 1])[some]
        some = after < len(free)
        until[some] = (free[np.minimum(after, len(free) - 1)] - numbers)[some]
    features = {
        f"{prefix}holiday": np.isin(numbers, free),
        f"{prefix}days_since_holiday": np.minimum(since, family.reach_days),
        f"{prefix}days_to_holiday": np.minimum(until, family.reach_days),
    }
    return pl.DataFrame(
        {
            name: np.where(known, values, np.nan).astype(np.float32)
            for name, values in features.items()
        }
    )


def _day(column: str, dtype: pl.DataType) -> pl.Expr:
    """The date where the time was told: that of its own zone, if it has one."""
    return pl.col(column).dt.date() if dtype == pl.Datetime else pl.col(column).cast(pl.Date)


def _days_off(family: HolidaysFamily, days: pl.Series) -> Days:
    """Days since 1970, in order, over the years of the rows and those around them."""
    first, last = days.min(), days.max()
    listed = {*family.dates}
    if family.country and isinstance(first, dt.date) and isinstance(last, dt.date):
        listed |= {*_public(family, first.year - 1, last.year + 1)}
    epoch = dt.date(1970, 1, 1)
    return np.array(sorted((day - epoch).days for day in listed), np.int64)


def _public(family: HolidaysFamily, first: int, last: int) -> Iterator[dt.date]:
    try:
        from holidays import country_holidays
    except ModuleNotFoundError as error:
        raise ConfigError(
            "the package `holidays`, for the public holidays of a country",
            found="it is not installed",
            where="features, family holidays",
            do="pip install 'lamplighter[holidays]', or list `dates`.",
        ) from error
    try:
        yield from country_holidays(
            str(family.country), subdiv=family.subdivision, years=range(first, last + 1)
        )
    except NotImplementedError as error:
        raise ConfigError(
            "a country, and a part of it, that the package `holidays` knows",
            found=f"{family.country} {family.subdivision or ''}".strip(),
            where="features, family holidays",
            do="Use ISO codes (GB, ENG), or list `dates`.",
        ) from error
