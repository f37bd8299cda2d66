"""Runs that were killed in the middle are found, and finished by a run of the same date."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Crashed

from flows import clock
from flows.pipeline import load
from flows.service.settings import TAG

ATTEMPTS = 3
_LATEST = dt.timedelta(days=3)
_RESCUE = "rescue-"


def rescue(all_here: bool, rescued: set[UUID]) -> Iterator[str]:
    """Mark runs whose process is gone as crashed, and start anew those that crashed.

    Publishing is idempotent and fenced, so the worst a needless rescue does is to work twice. A
    run of which `ATTEMPTS` rescues crashed is left to a person.

    Args:
        all_here: whether every worker of the server is on this machine. Where not, a process
            number says nothing, and a silent run is found by its heartbeats alone.
        rescued: the runs that need no further look; those that get none any more are added.

    Yields:
        What was done, a sentence each.
    """
    with get_client(sync_client=True) as client:
        going = (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)
        for run in _runs(client, *going) if all_here else ():
            if _is_gone(run):
                client.set_flow_run_state(run.id, Crashed(message="Its process is gone."), True)
                yield f"{run.name}: its process is gone"
        for run in _runs(client, StateType.CRASHED):
            if run.id not in rescued:
                yield from _start_anew(client, run)
                rescued.add(run.id)


def _runs(client: SyncPrefectClient, *states: StateType) -> list[FlowRun]:
    wanted = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[TAG]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states))),
    )
    return client.read_flow_runs(flow_run_filter=wanted)


def _start_anew(client: SyncPrefectClient, run: FlowRun) -> Iterator[str]:
    first, attempt = _chain(run)
    if attempt > ATTEMPTS or run.deployment_id is None or not _is_recent(run):
        return
    key = f"{_RESCUE}{first}-{attempt}"
    new = client.create_flow_run_from_deployment(
        run.deployment_id,
        parameters=_parameters(run),
        # The server answers with the run that has the key already: nothing is rescued twice.
        idempotency_key=key,
        tags=[key],
    )
    yield f"{run.name}: run again as {new.name}, attempt {attempt} of {ATTEMPTS}"


def _parameters(run: FlowRun) -> dict[str, object]:
    """The run's own; an empty date stays the date that the first run was scheduled for."""
    parameters = dict(run.parameters)
    if parameters.get("date", ...) is None and run.expected_start_time:
        zone = load(str(parameters["pipeline"])).config.timezone
        parameters["date"] = str(clock.night_before(run.expected_start_time, zone))
    return parameters


def _chain(run: FlowRun) -> tuple[str, int]:
    """The id of the run that crashed first, and the number of the attempt that is next."""
    for tag in run.tags:
        if tag.startswith(_RESCUE):
            first, _, attempt = tag.removeprefix(_RESCUE).rpartition("-")
            return first, int(attempt) + 1
    return str(run.id), 1


def _is_recent(run: FlowRun) -> bool:
    return run.end_time is None or run.end_time > clock.now() - _LATEST


def _is_gone(run: FlowRun) -> bool:
    """Whether the run had a process on this machine that is no more."""
    number = (run.infrastructure_pid or "").rpartition(":")[2]
    if not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return not _carries(int(number), str(run.id))


def _carries(pid: int, run_id: str) -> bool:
    """Whether a living process is the run's: numbers are given again after a restart."""
    environment = Path(f"/proc/{pid}/environ")
    try:
        return run_id.encode() in environment.read_bytes()
    except OSError:  # no /proc, or not ours to read: its number has to do
        return True
