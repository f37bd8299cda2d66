"""Nights of a service that is up, with its processes killed at random, and the same without.

    python -m tests.faults.service_soak [--nights 10] [--seed 0] [--folder DIR]

All nights are due at once, on a real server with a real worker. While they run, the run's process,
the worker, the server or all of them are killed with SIGKILL, as often as there are nights; nobody
starts anything by hand but a night of which every rescue was killed as well. In the end each night
has to be there, completed once, and every published file to be byte for byte that of a shop where
nothing happened. Ends with code 1 where that is not so.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun

from flows.pipeline import load
from tests.flows.conftest import ANSWERED, TRAINED_BY, Shop, lay_out_trained
from tests.flows.serving import Service, eventually, free_port, lamplighter

VICTIMS = {
    "run": ("run",),
    "worker": ("worker",),
    "server": ("server",),
    "run and worker": ("worker", "run"),
    "everything": ("worker", "run", "server"),
}
PATIENCE_SECONDS = 3600.0
_LONGEST_CALM_SECONDS = 15.0
_POLL_SECONDS = 1.0


@dataclass
class Soak:
    """A service under way, and what was done to it."""

    service: Service
    nights: list[dt.date]
    chance: random.Random
    counts: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        """Start every night, and kill what runs them until as often as there are nights."""
        with self.service.client() as client:
            for night in self.nights:
                self.service.start(client, date=str(night))
            deadline = time.monotonic() + PATIENCE_SECONDS
            while left := self._left(client):
                if time.monotonic() > deadline:
                    raise AssertionError(f"not there after an hour: {sorted(left)}")
                if self.counts.total() < len(self.nights):
                    self._kill(client)
                    time.sleep(self.chance.uniform(0, _LONGEST_CALM_SECONDS))
                else:
                    self._start_what_was_given_up(client, left)
                    time.sleep(_POLL_SECONDS)

    def runs(self, client: SyncPrefectClient) -> list[FlowRun]:
        """The runs of nights."""
        nightly = self.service.deployment(client, "nightly").id
        ours = DeploymentFilter(id=DeploymentFilterId(any_=[nightly]))
        return client.read_flow_runs(deployment_filter=ours)

    def completed(self, client: SyncPrefectClient) -> Counter[str]:
        """How many runs of each night were completed."""
        done = (run for run in self.runs(client) if run.state and run.state.is_completed())
        return Counter(str(run.parameters["date"]) for run in done)

    def _left(self, client: SyncPrefectClient) -> set[str]:
        """The nights that are not completed; all of them while the server is away."""
        asked = {*map(str, self.nights)}
        with contextlib.suppress(httpx.HTTPError):
            return asked - self.completed(client).keys()
        return asked

    def _kill(self, client: SyncPrefectClient) -> None:
        """Kill some of the processes of a run that is going, once there is one."""
        process = eventually("a run with a process", lambda: self._process(client))
        name = self.chance.choice([*VICTIMS])
        for victim in VICTIMS[name]:
            doomed = [process] if victim == "run" else self.service.children(victim)
            for pid in doomed:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.counts[name] += 1
        for child in ("server", "worker"):
            eventually(f"the {child} again", lambda child=child: self.service.children(child))

    def _process(self, client: SyncPrefectClient) -> int | None:
        """The process of a night that runs."""
        for run in self.runs(client):
            going = run.state and run.state.is_running() and run.infrastructure_pid
            if going and Path(f"/proc/{run.infrastructure_pid}").exists():
                return int(str(run.infrastructure_pid))
        return None

    def _start_what_was_given_up(self, client: SyncPrefectClient, left: set[str]) -> None:
        """Start the nights of which the last rescue was killed too, as a person would."""
        with contextlib.suppress(httpx.HTTPError):
            runs = self.runs(client)
            open_ = {r.parameters["date"] for r in runs if not (r.state and r.state.is_final())}
            last = {r.parameters["date"] for r in runs for tag in r.tags if tag.endswith("-3")}
            for night in (left & last) - open_:
                self.service.start(client, date=night)
                self.counts["started by hand"] += 1


def compare(still: Shop, killed: Shop) -> tuple[int, list[str]]:
    """How many files the nights published, and which differ; monitoring's are not compared."""
    left, right = (
        {
            uri: content
            for uri, content in shop.tables().items()
            if "/realised/" not in uri and not uri.endswith("index.html")
        }
        for shop in (still, killed)
    )
    differ = [uri for uri in left.keys() | right.keys() if left.get(uri) != right.get(uri)]
    return len(left), sorted(differ)


def soak(folder: Path, count: int, seed: int) -> dict[str, object]:
    """Run the nights in both shops, and say what came of them."""
    still = lay_out_trained(folder / "still" / "demo")
    still.bring_answers()
    killed = Shop(folder / "killed" / "demo")
    shutil.copytree(still.folder, killed.folder)
    calendar = load(str(still.file)).config.calendar
    nights = list(calendar.open_days(TRAINED_BY + dt.timedelta(days=1), ANSWERED))[:count]
    began, port = time.monotonic(), free_port()
    up = lamplighter("up", "--folder", str(killed.folder), "--port", str(port))
    assert up.returncode == 0, up.stdout + up.stderr
    try:
        service = Service(killed, port)
        under_way = Soak(replace(service, password=service.drawn), nights, random.Random(seed))
        under_way.run()
        with under_way.service.client() as client:
            runs = Counter(str(run.state and run.state.name) for run in under_way.runs(client))
            twice = [night for night, times in under_way.completed(client).items() if times > 1]
    finally:
        lamplighter("down", "--folder", str(killed.folder))
    minutes = (time.monotonic() - began) / 60
    for night in nights:
        still.run(night)
    files, differ = compare(still, killed)
    return {
        "nights": len(nights),
        "killed": dict(under_way.counts),
        "runs": dict(runs),
        "completed twice": twice,
        "files": files,
        "differ": differ,
        "minutes": round(minutes, 1),
    }


def main() -> None:
    """Soak a service, print what came of it, and end with 1 where it is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        found = soak(asked.folder or Path(made), asked.nights, asked.seed)
    print(json.dumps(found, indent=2))
    sys.exit(1 if found["differ"] or found["completed twice"] else 0)


if __name__ == "__main__":
    main()
