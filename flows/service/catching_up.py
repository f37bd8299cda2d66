"""Nights that are missing are asked for again; where they stay missing, people are told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path

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
from flows.service.missing import ATTEMPTS, PATIENCE, missing_nights
from flows.service.telling import tell_missing
from tasks.core.errors import LamplighterError

_JUST_NOW = dt.timedelta(minutes=1)
_GOING = (StateType.RUNNING, StateType.PENDING, StateType.SCHEDULED, StateType.CANCELLING)


def catch_up(files: Iterable[Path], identity: Identity) -> Iterator[str]:
    """Start the nights that are missing, and tell of those that were asked for in vain.

    A date is asked for `ATTEMPTS` times, an hour apart, one that is overdue for longer once; after
    that it is left to a person. Nothing is asked for or told while a night of the pipeline is going
    or waits, or while its schedule is paused.

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
                yield from _look_after(client, pipeline, identity, now)
            except (LamplighterError, ObjectNotFound, OSError) as error:
                yield f"{file.name}: missing nights were not looked for: {error}"


def _look_after(
    client: SyncPrefectClient, pipeline: Pipeline, identity: Identity, now: dt.datetime
) -> Iterator[str]:
    missing, called = missing_nights(pipeline, now), identity.deployment(pipeline.name)
    if not missing:
        return
    deployment = client.read_deployment_by_name(f"{nightly.name}/{called}")
    if not any(each.active for each in deployment.schedules) or _is_going(client, deployment, now):
        return
    left = []
    for day, overdue in missing.items():
        hours = overdue // PATIENCE
        # After an outage of days dates are long overdue: one attempt each.
        attempt = hours if hours <= ATTEMPTS else 1
        # The server answers with the run that has the key already: no attempt is made twice.
        key = f"catch-up-{called}-{day}-{attempt}"
        run = client.create_flow_run_from_deployment(
            deployment.id,
            parameters={**deployment.parameters, "date": str(day)},
            idempotency_key=key,
            tags=["catch-up"],
        )
        if run.created is None or run.created >= now - _JUST_NOW:
            yield f"{pipeline.name}: {day} is missing, asked for as {run.name} ({attempt})"
        elif hours > ATTEMPTS:
            left.append(day)
    yield from tell_missing(pipeline, left, missing)


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
