"""Two nights are due, and the server is killed in the middle of the first: both are there, once."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun

from tests.flows import postgres_server
from tests.flows.canaries import found_in
from tests.flows.conftest import NIGHT, Shop
from tests.flows.serving import Service, eventually, free_port, lamplighter, process_of

NIGHTS = (str(NIGHT), str(NIGHT + dt.timedelta(days=1)))


pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@contextlib.contextmanager
def _database(kind: str, folder: Path) -> Iterator[tuple[str, ...]]:
    """The words that name a database."""
    if kind == "sqlite":
        yield ()
        return
    if postgres_server.programs() is None:
        pytest.skip("needs Debian's PostgreSQL: apt-get install postgresql")
    with postgres_server.served(folder, free_port()) as url:
        yield ("--database", url)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_due_nights_are_complete_once_though_the_server_is_killed(
    kind: str, shop: Shop, tmp_path: Path
) -> None:
    folder, port = shop.folder, free_port()
    with _database(kind, Path("/tmp") / f"lamplighter-{kind}-{os.getpid()}") as words:
        done = lamplighter("up", "--folder", str(folder), "--port", str(port), *words)
        assert done.returncode == 0, done.stdout + done.stderr
        try:
            service = Service(shop, port)
            service = replace(service, password=service.drawn)
            with service.client() as client:
                _run_both(service, client)
        finally:
            lamplighter("down", "--folder", str(folder))
    assert bool(list(service.places.home.rglob("prefect.db"))) is (kind == "sqlite")
    assert not found_in(folder, "canary-postgres")
    by_service = _tables(shop)
    for night in NIGHTS:
        shop.run(dt.date.fromisoformat(night))
    assert _tables(shop) == by_service


def _tables(shop: Shop) -> dict[str, bytes]:
    """What the nights published; not what monitoring made of it since."""
    nights = tuple(f"/batch_date={night}/" for night in NIGHTS)
    found = shop.tables().items()
    return {uri: content for uri, content in found if any(night in uri for night in nights)
            and "/realised/" not in uri}  # fmt: skip


def _run_both(service: Service, client: SyncPrefectClient) -> None:
    runs = [service.start(client, date=night) for night in NIGHTS]
    eventually("one that runs", lambda: any(process_of(client, run) for run in runs))
    (server,) = service.children("server")
    os.kill(server, signal.SIGKILL)
    eventually("both nights", lambda: {*_completed(service, client)} == {*NIGHTS})
    eventually("nothing that goes on", lambda: not _open(service, client))
    assert Counter(_completed(service, client)) == dict.fromkeys(NIGHTS, 1)
    assert service.children("server") != [server]


def _nights(service: Service, client: SyncPrefectClient) -> list[FlowRun]:
    nightly = service.deployment(client, "nightly").id
    runs = [run for run in client.read_flow_runs() if run.deployment_id == nightly]
    return [run for run in runs if run.parameters.get("date") in NIGHTS]


def _completed(service: Service, client: SyncPrefectClient) -> list[str]:
    """The dates of the nights that were completed."""
    return [
        str(run.parameters["date"])
        for run in _nights(service, client)
        if run.state and run.state.is_completed()
    ]


def _open(service: Service, client: SyncPrefectClient) -> list[FlowRun]:
    """The nights that have not ended."""
    return [run for run in _nights(service, client) if not (run.state and run.state.is_final())]
