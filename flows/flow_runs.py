"""What a flow run is called, and which date it is for where nobody named one."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from prefect.context import FlowRunContext
from prefect.runtime import flow_run

from flows import clock


def due_date(timezone: str) -> dt.date:
    """The business date that had ended when the run was due.

    A run that began late, after an outage say, is still for the date it was scheduled for.
    """
    context = FlowRunContext.get()
    scheduled = context.flow_run.expected_start_time if context and context.flow_run else None
    return clock.night_before(scheduled or clock.now(), timezone)


def run_name() -> str:
    """The pipeline and the dates of the run at hand, as the UI lists it."""
    given = flow_run.parameters
    words = (Path(str(given.get("pipeline", ""))).stem, *map(given.get, ("date", "first", "last")))
    return " ".join(str(word) for word in words if word)
