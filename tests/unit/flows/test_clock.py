"""One run for each local date, whatever the clocks do."""

from __future__ import annotations

import asyncio
import datetime as dt
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.server.schemas.schedules import CronSchedule

from flows import clock
from flows.clock import night_before
from flows.flow_runs import due_date

NIGHTLY = "30 3 * * *"
# Where the clocks go forward and back, some by half an hour, some at midnight.
CHANGES = [
    ("Europe/London", dt.date(2026, 3, 29), dt.date(2026, 10, 25)),
    ("Europe/Berlin", dt.date(2025, 3, 30), dt.date(2025, 10, 26)),
    ("America/New_York", dt.date(2026, 3, 8), dt.date(2026, 11, 1)),
    ("Australia/Lord_Howe", dt.date(2026, 4, 5), dt.date(2026, 10, 4)),
    ("America/Santiago", dt.date(2026, 4, 5), dt.date(2026, 9, 6)),
]


@pytest.mark.parametrize(("zone", "first", "second"), CHANGES)
def test_each_date_is_run_once_over_every_change_of_the_clocks(
    zone: str, first: dt.date, second: dt.date
) -> None:
    for change in (first, second, first.replace(year=2027), second.replace(year=2027)):
        begin = dt.datetime.combine(change, dt.time(), ZoneInfo(zone)) - dt.timedelta(days=4)
        schedule = CronSim(NIGHTLY, begin)
        dates = [night_before(next(schedule).astimezone(dt.UTC), zone) for _ in range(8)]
        expected = [dates[0] + dt.timedelta(days=i) for i in range(8)]
        assert dates == expected
        assert change in dates


@pytest.mark.parametrize(("zone", "first", "second"), CHANGES)
def test_prefect_schedules_each_date_once_over_every_change_of_the_clocks(
    zone: str, first: dt.date, second: dt.date
) -> None:
    """By the server's own schedule, which is what starts the nights."""
    schedule = CronSchedule(cron=NIGHTLY, timezone=zone)
    for change in (first, second):
        begin = dt.datetime.combine(change, dt.time(), ZoneInfo(zone)) - dt.timedelta(days=4)
        due = asyncio.run(schedule.get_dates(n=8, start=begin))
        dates = [night_before(moment.astimezone(dt.UTC), zone) for moment in due]
        assert dates == [dates[0] + dt.timedelta(days=i) for i in range(8)]
        assert change in dates


@pytest.mark.parametrize("jump", [dt.timedelta(hours=-3), dt.timedelta(days=400)])
def test_a_clock_that_jumps_moves_no_date_of_a_run_that_was_due(
    jump: dt.timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scheduled run scores the date before it was due, whenever it gets to run."""
    due = dt.datetime(2026, 3, 1, 3, 30, tzinfo=dt.UTC)
    run = FlowRun(flow_id=uuid4(), expected_start_time=due)
    monkeypatch.setattr(clock, "now", lambda: due + jump)
    with FlowRunContext.model_construct(flow_run=run):
        assert due_date("UTC") == dt.date(2026, 2, 28)


def test_a_moment_belongs_to_the_date_that_had_ended_where_the_pipeline_is() -> None:
    moment = dt.datetime(2026, 1, 1, 2, 0, tzinfo=dt.UTC)
    assert night_before(moment, "UTC") == dt.date(2025, 12, 31)
    assert night_before(moment, "America/New_York") == dt.date(2025, 12, 30)
    assert night_before(moment, "Asia/Tokyo") == dt.date(2025, 12, 31)
