"""What an incremental source may declare, and the moments that follow from it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest
from pydantic import TypeAdapter, ValidationError

from tasks.ingest.business import Business, before
from tasks.ingest.config import SourceConfig

_SOURCE: TypeAdapter[Any] = TypeAdapter(SourceConfig)
SQL: dict[str, Any] = {
    "kind": "sql",
    "url": "sqlite:///x.db",
    "query": "select * from t where at > :watermark",
    "schema": {"id": "i64", "at": "datetime", "day": "date", "n": "i64", "text": "str"},
    "key": ["id"],
    "watermark": "at",
}
FILES: dict[str, Any] = {
    "kind": "files",
    "path": "{date}/*.csv",
    "schema": SQL["schema"],
    "late": {"by": "day"},
}
UTC = {"type": "datetime", "timezone": "UTC"}


def source(base: dict[str, Any] = SQL, **changes: Any) -> Any:
    return _SOURCE.validate_python({**base, **changes})


@pytest.mark.parametrize(
    ("base", "changes", "told"),
    [
        (SQL, {"key": []}, "needs a key"),
        (SQL, {"watermark": "nothing"}, "does not declare"),
        (SQL, {"watermark": "text"}, "a watermark is a date"),
        (SQL, {"watermark": "n"}, "watermark_unit"),
        (SQL, {"watermark_unit": "ms"}, "watermark_unit"),
        (SQL, {"query": "select * from t"}, "go together"),
        (SQL, {"watermark": None}, "go together"),
        (SQL, {"late": {"by": "text"}}, "late.by is a date"),
        (SQL, {"late": {"by": "day", "horizon": "36h"}}, "whole days"),
        (SQL, {"drift": "evolve"}, "evolve"),
        (SQL, {"deleted": "COUNT(*) > 1"}, "own row only"),
        (FILES, {"watermark": "at", "key": ["id"]}, "files have no watermark"),
        (FILES, {"overlap": "1d"}, "without a watermark"),
        (FILES, {"version": "n"}, "needs a key"),
        (FILES, {"late": None, "version": "n", "key": ["id"]}, "without a watermark or late"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    base: dict[str, Any], changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValidationError, match=told):
        source(base, **changes)


def test_an_api_that_asks_by_a_watermark_declares_one() -> None:
    api = {"kind": "http", "url": "https://x/y?after={watermark}", "schema": SQL["schema"]}
    with pytest.raises(ValidationError, match="declares a watermark"):
        source(api)
    assert source(api, watermark="at", key=["id"]).is_incremental


@pytest.mark.parametrize(
    ("changes", "moment", "expected"),
    [
        ({}, dt.datetime(2010, 1, 4), dt.datetime(2010, 1, 3, 23, 59, 59, 999_999)),
        ({"watermark": "day"}, dt.datetime(2010, 1, 4), dt.date(2010, 1, 3)),
        (
            {"watermark": "n", "watermark_unit": "ms"},
            dt.datetime(1970, 1, 2, tzinfo=dt.UTC),
            86_400_000 - 1,
        ),
        ({}, None, dt.datetime(999, 12, 31, 23, 59, 59, 999_999)),
    ],
)
def test_the_last_watermark_before_a_moment_has_the_column_s_type(
    changes: dict[str, Any], moment: dt.datetime | None, expected: object
) -> None:
    assert before(moment, source(**changes)) == expected


def test_a_watermark_with_a_zone_is_asked_for_in_utc() -> None:
    aware = source(schema={**SQL["schema"], "at": UTC})
    asked = before(Business("Europe/London", bool).begins(dt.date(2010, 7, 1), aware), aware)
    assert asked == dt.datetime(2010, 6, 30, 22, 59, 59, 999_999, tzinfo=dt.UTC)


@pytest.mark.parametrize("zone", ["Europe/London", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("noon", ["2010-03-28", "2010-10-31", "2010-03-14", "2010-11-07"])
def test_dates_end_where_the_next_begin_also_when_clocks_change(zone: str, noon: str) -> None:
    """Every half hour around a change of clocks lies on the date whose bounds hold it."""
    aware = source(schema={**SQL["schema"], "at": UTC})
    business = Business(zone, lambda _: True)
    start = dt.datetime.fromisoformat(noon).replace(tzinfo=dt.UTC) - dt.timedelta(days=1)
    moments = [start + i * dt.timedelta(minutes=30) for i in range(144)]
    column = pl.Series("at", moments, dtype=pl.Datetime("us", "UTC"))
    dates = pl.DataFrame([column]).select(business.date_of("at", aware)).to_series()
    for moment, date in zip(moments, dates, strict=True):
        after = date + dt.timedelta(days=1)
        assert business.begins(date, aware) <= moment < business.begins(after, aware)


def test_whole_numbers_lie_on_the_date_of_the_pipeline_s_zone() -> None:
    counted = source(watermark="n", watermark_unit="s")
    late_evening = pl.DataFrame({"n": [1_277_937_000]})  # 2010-06-30 22:30 UTC
    dates = late_evening.select(Business("Europe/Paris", bool).date_of("n", counted))
    assert dates.item() == dt.date(2010, 7, 1)


def test_what_is_due_on_a_closed_day_is_due_on_the_next_open_one() -> None:
    weekdays = Business("UTC", lambda day: day.weekday() < 5)
    assert weekdays.due(dt.date(2010, 1, 9)) == dt.date(2010, 1, 11)
    assert Business("UTC", lambda _: False).due(dt.date(2010, 1, 9)) == dt.date(2010, 1, 9)
