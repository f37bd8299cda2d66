"""Nights that never were, or that failed, are asked for again: after an outage, or a source's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from cronsim import CronSim
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound

from flows import clock
from flows.nightly import nightly
from flows.pipeline import Pipeline, load
from flows.service.identity import Identity
from tasks.core.commit import committed_batches
from tasks.core.errors import LamplighterError

PATIENCE = dt.timedelta(hours=1)  # from when a night was due, and between two attempts
ATTEMPTS = 3
_MOST_NIGHTS = 31
_DAY = dt.timedelta(days=1)
_GOING = (StateType.RUNNING, StateType.PENDING, StateType.SCHEDULED, StateType.CANCELLING)


def catch_up(files: Iterable[Path], identity: Identity) -> Iterator[str]:
    """Start the nights that are missing behind the last one published, and are past their time.

    A date is asked for `ATTEMPTS` times, an hour apart, and is left to a person then. Nothing is
    asked for while a night of the pipeline is going or waits, while its schedule is paused, or
    before its first night.

    Args:
        files: the pipeline files.
        identity: of their folder.

    Yields:
        What was done, a sentence each.
    """
    now = clock.now()
    with get_client(sync_client=True) as client:
        for file in files:
            try:
                pipeline = load(str(file))
                yield from _ask(client, pipeline, identity, now)
            except (LamplighterError, ObjectNotFound) as error:
                yield f"{file.name}: missing nights were not looked for: {error}"


def _ask(
    client: SyncPrefectClient, pipeline: Pipeline, identity: Identity, now: dt.datetime
) -> Iterator[str]:
    missing, called = missing_nights(pipeline, now), identity.deployment(pipeline.name)
    if not missing:
        return
    deployment = client.read_deployment_by_name(f"{nightly.name}/{called}")
    if not any(each.active for each in deployment.schedules) or _is_going(client, deployment, now):
        return
    for day, attempt in missing.items():
        # The server answers with the run that has the key already: no attempt is made twice.
        key = f"catch-up-{called}-{day}-{attempt}"
        run = client.create_flow_run_from_deployment(
            deployment.id,
            parameters={**deployment.parameters, "date": str(day)},
            idempotency_key=key,
            tags=["catch-up"],
        )
        if run.created is None or run.created >= now - dt.timedelta(minutes=1):
            yield f"{pipeline.name}: {day} is missing, asked for as {run.name} ({attempt})"


def missing_nights(pipeline: Pipeline, now: dt.datetime) -> dict[dt.date, int]:
    """Open dates behind the last published night whose run is overdue, and the attempt due now."""
    config = pipeline.config
    published = [
        dt.date.fromisoformat(record.batch)
        for record in committed_batches(pipeline.store, pipeline.name)
        if record.facts.get("kind") == "night"
    ]
    if not published:
        return {}
    last = clock.night_before(now, config.timezone)
    first = max(max(published) + _DAY, last - _MOST_NIGHTS * _DAY)
    overdue = {
        day: int((now - due_at(day, config.schedule, config.timezone)) / PATIENCE)
        for day in config.calendar.open_days(first, last)
    }
    return {day: hours for day, hours in overdue.items() if 1 <= hours <= ATTEMPTS} | {
        # After an outage of days they are long overdue: one attempt each.
        day: 1
        for day, hours in overdue.items()
        if hours > ATTEMPTS
    }


def due_at(day: dt.date, schedule: str, timezone: str) -> dt.datetime:
    """When the night of a date was due: the first time of the schedule after the date ended."""
    ended = dt.datetime.combine(day + _DAY, dt.time(), ZoneInfo(timezone))
    return next(CronSim(schedule, ended - dt.timedelta(seconds=1)))


def _is_going(client: SyncPrefectClient, deployment: DeploymentResponse, now: dt.datetime) -> bool:
    """Whether a night of the deployment is going, or is due and waits."""
    found = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(_GOING))),
            expected_start_time=FlowRunFilterExpectedStartTime(before_=now),
        ),
        limit=1,
    )
    return bool(found)
