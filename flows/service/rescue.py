"""Runs that were killed in the middle are found, and finished by a run of the same date."""

from __future__ import annotations

import datetime as dt
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled, Crashed

from flows import clock
from flows.pipeline import load

ATTEMPTS = 3
_LATEST = dt.timedelta(days=3)
_RESCUE = "rescue-"
_GOING = (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)


@dataclass(slots=True)
class Rescue:
    """What a supervisor has done about runs whose process is gone.

    Publishing is idempotent and fenced, so the worst a needless rescue does is to work twice. A
    run of which `ATTEMPTS` rescues crashed is left to a person, and so is one that cannot be
    started anew.

    Args:
        pool: the service's work pool. Its workers are all on this machine, where process numbers
            say something.
        done: the runs that need no further look.
    """

    pool: str
    done: set[UUID] = field(default_factory=set)

    def look(self) -> Iterator[str]:
        """Mark runs whose process is gone, and start anew those that crashed.

        Yields:
            What was done, a sentence each.
        """
        with get_client(sync_client=True) as client:
            for run in self._runs(client, *_GOING):
                if _is_gone(run):
                    yield from _mark(client, run)
            for run in self._runs(client, StateType.CRASHED):
                if run.id not in self.done:
                    yield from self._start_anew(client, run)
                    self.done.add(run.id)

    def _runs(self, client: SyncPrefectClient, *states: StateType) -> list[FlowRun]:
        wanted = FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states)))
        )
        ours = WorkPoolFilter(name=WorkPoolFilterName(any_=[self.pool]))
        return client.read_flow_runs(flow_run_filter=wanted, work_pool_filter=ours)

    def _start_anew(self, client: SyncPrefectClient, run: FlowRun) -> Iterator[str]:
        try:
            yield from _start_anew(client, run)
        except httpx.TransportError:
            raise  # the server is away: the next look tries again
        except Exception as error:  # noqa: BLE001  # whatever one run has must not keep the others
            yield f"{run.name}: could not be run again, start it by hand: {error}"


def _mark(client: SyncPrefectClient, run: FlowRun) -> Iterator[str]:
    """A run that somebody cancelled is cancelled then; another one crashed, and is run again."""
    now = client.read_flow_run(run.id)
    if now.state is None or now.state.type not in _GOING:
        return  # it ended between the two looks
    told = "Its process is gone."
    cancelled = now.state.type is StateType.CANCELLING
    client.set_flow_run_state(run.id, (Cancelled if cancelled else Crashed)(message=told))
    yield f"{run.name}: its process is gone"


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
        first, _, attempt = tag.removeprefix(_RESCUE).rpartition("-")
        if tag.startswith(_RESCUE) and attempt.isdecimal():
            return first, int(attempt) + 1
    return str(run.id), 1


def _is_recent(run: FlowRun) -> bool:
    return run.end_time is None or run.end_time > clock.now() - _LATEST


def _is_gone(run: FlowRun) -> bool:
    """Whether the run had a process on this machine that is no more."""
    host, _, number = (run.infrastructure_pid or "").rpartition(":")
    if not number.isdecimal() or host not in ("", socket.gethostname()):
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
