"""A service that is really up: how tests start it, talk to it, and wait for what it does."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from flows.service import password
from flows.service.identity import Identity, find
from flows.service.places import Places
from tests.flows.conftest import Shop

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from flows.cli import main; main()"]
PATIENCE_SECONDS = 240.0


def lamplighter(*words: str, **told: str) -> subprocess.CompletedProcess[str]:
    """The command, with no variables but these."""
    return subprocess.run(
        [*COMMAND, *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], **told},
    )


def eventually(what: str, found: Callable[[], Any]) -> Any:
    """The first true answer of a question asked again and again."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError, OSError):
            if answer := found():
                return answer
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {PATIENCE_SECONDS:.0f} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Service:
    """A shop whose service is up."""

    shop: Shop
    port: int
    password: str = ""

    @property
    def places(self) -> Places:
        return Places(self.shop.folder)

    @property
    def drawn(self) -> str:
        """The password that its own server was given."""
        return password.find(self.places) or ""

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def identity(self) -> Identity:
        found = find(self.places)
        assert found is not None
        return found

    def lamplighter(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The command in its folder, on the server it shares."""
        folder = "--folder", str(self.shop.folder)
        told = {"PREFECT_API_URL": self.api_url, "PREFECT_API_AUTH_STRING": self.password}
        return lamplighter(*words, *folder, **told)

    @contextlib.contextmanager
    def client(self) -> Iterator[SyncPrefectClient]:
        with (
            temporary_settings(
                {PREFECT_API_URL: self.api_url, PREFECT_API_AUTH_STRING: self.password}
            ),
            get_client(sync_client=True) as client,
        ):
            yield client

    def deployment(self, client: SyncPrefectClient, flow: str) -> DeploymentResponse:
        return client.read_deployment_by_name(f"{flow}/{self.identity.deployment('retail')}")

    def start(self, client: SyncPrefectClient, flow: str = "nightly", **parameters: Any) -> UUID:
        deployment = self.deployment(client, flow)
        run = eventually(
            "a run that is taken",
            lambda: client.create_flow_run_from_deployment(deployment.id, parameters=parameters),
        )
        return UUID(str(run.id))

    def children(self, command: str) -> list[int]:
        """The processes of a `prefect` command of this service."""
        running = self.places.running()
        assert running is not None
        found = subprocess.run(
            ["pgrep", "-g", str(running.pid), "-f", f"prefect --no-prompt {command} start"],
            capture_output=True,
            text=True,
        )
        return [int(word) for word in found.stdout.split()]


def finished(client: SyncPrefectClient, run: UUID) -> FlowRun | None:
    """A run, once it has ended."""
    found = client.read_flow_run(run)
    return found if found.state and found.state.is_final() else None


def process_of(client: SyncPrefectClient, run: UUID) -> int | None:
    """The process of a run, once it is running."""
    found = client.read_flow_run(run)
    running = found.state is not None and found.state.is_running()
    return int(found.infrastructure_pid) if running and found.infrastructure_pid else None
