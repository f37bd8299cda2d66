"""The work pool of a service: its own, and no other folder's."""

from __future__ import annotations

import time

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import Worker, WorkPool
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from flows import clock
from flows.service.identity import Identity
from tasks.core.errors import ConfigError

_BEATS_LOST = 3  # after so many a worker is gone
_MARGIN_SECONDS = 5.0
_POLL_SECONDS = 1.0


def keep_pool(client: SyncPrefectClient, identity: Identity) -> None:
    """Make the service's work pool, or take it on where its folder was moved.

    Raises:
        ConfigError: another folder has a pool of this name; or the folder is a copy of one whose
            worker lives.
    """
    try:
        pool = client.read_work_pool(identity.name)
    except ObjectNotFound:
        try:
            pool = client.create_work_pool(
                WorkPoolCreate(name=identity.name, type="process", description=identity.description)
            )
        except ObjectAlreadyExists:  # somebody was faster
            pool = client.read_work_pool(identity.name)
    if pool.description == identity.description:
        return
    if identity.mark not in (pool.description or ""):
        raise _taken(identity, pool, "another folder's")
    if _lives(client, identity):
        raise _taken(identity, pool, "that of the folder this one is a copy of")
    client.update_work_pool(identity.name, WorkPoolUpdate(description=identity.description))


def _taken(identity: Identity, pool: WorkPool, whose: str) -> ConfigError:
    return ConfigError(
        "a work pool of this folder's own",
        found=f"{identity.name} is {whose}: {pool.description or 'without a description'}",
        where=identity.place,
        do="Give this folder a name of its own: lamplighter up --name NAME; "
        "of a copy delete .lamplighter/identity.json as well.",
    )


def _lives(client: SyncPrefectClient, identity: Identity) -> bool:
    """Whether a worker takes runs from the pool; a silent one is given time for its next beat."""
    before = _beats(client, identity)
    if not before:
        return False
    interval = max(worker.heartbeat_interval_seconds or 0 for worker in before)
    last = max(filter(None, (worker.last_heartbeat_time for worker in before)), default=None)
    if last is None or (clock.now() - last).total_seconds() > _BEATS_LOST * interval:
        return False
    deadline = time.monotonic() + interval + _MARGIN_SECONDS
    while time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        beats = (worker.last_heartbeat_time for worker in _beats(client, identity))
        if any(beat is not None and beat > last for beat in beats):
            return True
    return False


def _beats(client: SyncPrefectClient, identity: Identity) -> list[Worker]:
    return client.read_workers_for_work_pool(identity.name)
