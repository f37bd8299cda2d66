"""The service on PostgreSQL and behind a password: a night, killed with its worker, once."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.service.identity import find
from flows.service.places import Places
from tests.flows import postgres_server
from tests.flows.canaries import found_in
from tests.flows.conftest import NIGHT, Shop
from tests.flows.serving import COMMAND, ROOT, free_port

PASSWORD = "someone:canary-api-4f7d2a"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        postgres_server.programs() is None,
        reason="needs Debian's PostgreSQL: apt-get install postgresql",
    ),
]


@pytest.fixture
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = Path("/tmp") / f"lamplighter-postgresql-{os.getpid()}"
    try:
        with postgres_server.served(folder, free_port()) as url:
            yield url
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)


def test_a_guarded_service_on_postgresql(shop: Shop, database: str) -> None:
    port = free_port()
    told = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PREFECT_API_DATABASE_CONNECTION_URL": database,
        "PREFECT_SERVER_API_AUTH_STRING": PASSWORD,
        "PREFECT_API_AUTH_STRING": PASSWORD,
    }

    def lamplighter(*words: str) -> None:
        done = subprocess.run(
            [*COMMAND, *words, "--folder", str(shop.folder)],
            env=told,
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    lamplighter("up", "--port", str(port))
    try:
        api = f"http://127.0.0.1:{port}/api"
        refused = httpx.post(f"{api}/flow_runs/filter", json={})
        assert refused.status_code == 401
        with httpx.Client(base_url=api, auth=tuple(PASSWORD.split(":")), timeout=60) as client:
            first = _start(client, shop)
            running = _eventually(lambda: _process(client, first))
            os.kill(running, signal.SIGKILL)
            _eventually(lambda: _rescued(client, first))
    finally:
        lamplighter("down")
    assert not list(Places(shop.folder).home.rglob("prefect.db")), "SQLite is not used"
    by_service = shop.tables()
    shop.run(NIGHT)
    assert shop.tables() == by_service
    for secret in (PASSWORD, "canary-postgres"):
        assert not found_in(shop.folder, secret)


def _start(client: httpx.Client, shop: Shop) -> str:
    identity = find(Places(shop.folder))
    assert identity is not None
    name = f"deployments/name/nightly/{identity.deployment('retail')}"
    deployment = client.get(name).raise_for_status().json()
    asked = {"parameters": {"date": str(NIGHT)}, "state": {"type": "SCHEDULED"}}
    run = client.post(f"deployments/{deployment['id']}/create_flow_run", json=asked)
    return str(run.raise_for_status().json()["id"])


def _process(client: httpx.Client, run: str) -> int | None:
    found = client.get(f"flow_runs/{run}").json()
    is_running = found["state_type"] == "RUNNING" and found["infrastructure_pid"]
    return int(found["infrastructure_pid"]) if is_running else None


def _rescued(client: httpx.Client, run: str) -> bool:
    runs = client.post("flow_runs/filter", json={}).json()
    return any(
        f"rescue-{run}-1" in one["tags"] and one["state_type"] == "COMPLETED" for one in runs
    )


def _eventually(found: Any, seconds: float = 240.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.3)
    raise AssertionError(f"not within {seconds:.0f} s")
