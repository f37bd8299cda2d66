"""What `lamplighter up`, `down` and `deploy` do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from flows import terminal
from flows.commands import tell_missing
from flows.demo.services import demo_services
from flows.pipeline import load, told, variable, variables
from flows.service.identity import Identity, establish, find
from flows.service.password import find as find_password
from flows.service.password import guarded
from flows.service.places import Places, Running, pipeline_files
from flows.service.settings import CLIENTS, Listening
from tasks.core import lease
from tasks.core.errors import BusyError, ConfigError, SourceUnavailableError

_DOWN_SECONDS = 90.0
_SHOWN_LINES = 12


def up(
    folder: Path, name: str | None, listening: Listening, no_password: bool, foreground: bool
) -> None:
    """Bring a folder's service up, or renew the deployments of one that is up."""
    places, joined = Places(folder.absolute()), variable("PREFECT_API_URL")
    files = pipeline_files(places.folder)
    for file in files:
        with demo_services(str(file)):  # which tells what the demo's file waits for
            tell_missing(load(str(file)))  # a mistake in a file is told before anything is started
    running = places.running() if lease.is_held(places.lock) else None
    if running:
        _refuse_another(running, listening, no_password)
        _renew(places, running, files, _identity(places, name, running))
        _tell(running, places, "is up already; its deployments are renewed")
        return
    if joined is None:
        _check_port(listening)
        listening = listening if no_password else guarded(listening, places)
        listening.check()
    identity = _identity(places, name, None)
    if foreground:
        _supervise_here(places, identity, listening, joined)
        return
    _tell(_start(places, listening, joined), places, "is up")


def _refuse_another(running: Running, listening: Listening, no_password: bool) -> None:
    """Hold that a service that is up is asked for as it is.

    Raises:
        ConfigError: it is asked for at another address, or without the password it has.
    """
    usual, wanted = Listening(), []
    if listening.api_url not in (usual.api_url, running.api_url):
        wanted.append(f"listens on {listening.host}:{listening.port}")
    if no_password and running.guarded:
        wanted.append("asks for no password")
    if wanted:
        raise ConfigError(
            f"a service that {' and '.join(wanted)}",
            found=f"one that is up already, at {running.ui_url}, as it was started",
            where="lamplighter up",
            do="End it first (lamplighter down), or leave these words out.",
        )


def down(folder: Path) -> None:
    """End a folder's service; what it knows stays."""
    places = Places(folder.absolute())
    running = places.running()
    if not lease.is_held(places.lock) or running is None:
        terminal.out.print("nothing is up here")
        return
    os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + _DOWN_SECONDS
    while lease.is_held(places.lock):
        if time.monotonic() > deadline:
            raise BusyError(
                "a service that ends when it is told to",
                found=f"process {running.pid} still going after {_DOWN_SECONDS:.0f} s",
                where=str(places.log("supervisor")),
                do=f"Read the log; then: kill -9 -- -{running.pid}",
            )
        time.sleep(0.1)
    terminal.out.print("down; what was done and what is scheduled is kept")


def deploy(folder: Path, name: str | None) -> None:
    """Make the deployments of a folder's pipeline files on the server that is up, or is named."""
    files = pipeline_files(folder.absolute())
    places = Places(folder.absolute())
    # After a power failure what a service said of itself is still there, and it is not.
    running = places.running() if lease.is_held(places.lock) else None
    if running is None and variable("PREFECT_API_URL") is None:
        raise ConfigError(
            "a Prefect server to deploy to",
            found="none up here, and no PREFECT_API_URL",
            where=str(folder.absolute()),
            do="lamplighter up, or export PREFECT_API_URL=http://HOST:4200/api",
        )
    identity = _identity(places, name, running)
    if running is not None:
        _renew(places, running, files, identity)
    else:
        _deploy(files, identity, own_server=False)


def _identity(places: Places, name: str | None, running: Running | None) -> Identity:
    """The folder's, by another name if one is given: but not while its worker takes runs by it."""
    known = find(places)
    if running and known and name not in (None, known.name):
        raise ConfigError(
            "a service that is down while it is given another name",
            found=f"one that is up as {known.name}",
            where=str(places.folder),
            do=f"lamplighter down, then lamplighter up --name {name}",
        )
    return establish(places, name)


def _deploy(files: tuple[Path, ...], identity: Identity, own_server: bool) -> None:
    from flows.service.deployments import deploy

    done = deploy(files, identity, own_server)
    for name in done.made:
        terminal.out.print(f"  {name}")
    for name in done.removed:
        terminal.out.print(f"  removed {name}: no pipeline file stands for it")


def _renew(places: Places, running: Running, files: tuple[Path, ...], identity: Identity) -> None:
    kept = find_password(places) if running.password_file else None
    with told({"PREFECT_API_URL": running.api_url, **({CLIENTS: kept} if kept else {})}):
        _deploy(files, identity, running.own_server)


def _start(places: Places, listening: Listening, joined: str | None) -> Running:
    """Start a supervisor that outlives this command, and wait until the service is up."""
    places.state.mkdir(mode=0o700, exist_ok=True)
    words = (listening.host, str(listening.port), joined or "")
    given = {} if joined else listening.variables()
    log = places.log("supervisor")
    began = log.stat().st_size if log.exists() else 0
    with log.open("ab") as output, terminal.progress("starting the service", quiet=False):
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "flows.service.supervisor", str(places.folder), *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=places.folder,
            env={**variables(), **given},
            start_new_session=True,
        )
        try:
            return _once_up(places, supervisor, log, began)
        except KeyboardInterrupt:
            supervisor.terminate()  # what is interrupted is not left behind
            supervisor.wait(_DOWN_SECONDS)
            raise


def _once_up(places: Places, supervisor: subprocess.Popen[bytes], log: Path, began: int) -> Running:
    """What the service says of itself, once it is up.

    Raises:
        SourceUnavailableError: its supervisor ended before that.
    """
    while (running := places.running()) is None or running.pid != supervisor.pid:
        if supervisor.poll() is not None:
            lines = log.read_bytes()[began:].decode(errors="replace").splitlines()
            raise SourceUnavailableError(
                "a service that comes up",
                found="\n".join(lines[-_SHOWN_LINES:]),
                where=str(log),
                do="Mend what it says, and bring it up again.",
            )
        time.sleep(0.1)
    return running


def _supervise_here(
    places: Places, identity: Identity, listening: Listening, joined: str | None
) -> None:
    from flows.service.supervisor import logging_to, supervise

    given = {} if joined else listening.variables()
    with logging_to(sys.stderr), told(given):
        supervise(places, identity, listening, joined)


def _check_port(listening: Listening) -> None:
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listening.host, listening.port))
        except OSError as error:
            raise ConfigError(
                "a free port for the Prefect server",
                found=f"{listening.host}:{listening.port}: {error.strerror}",
                where="lamplighter up --port",
                do="Choose another --port; or join the server that listens there: "
                f"export PREFECT_API_URL={listening.api_url}",
            ) from error


def _tell(running: Running, places: Places, what: str) -> None:
    terminal.out.print(f"[bold]lamplighter {what}[/]")
    terminal.out.print(f"  UI        {running.ui_url}", soft_wrap=True)
    terminal.out.print(f"  API       {running.api_url}", soft_wrap=True)
    if running.password_file:
        terminal.out.print(f"  password  cat {running.password_file}", soft_wrap=True)
    elif running.own_server and not running.guarded:
        terminal.out.print("  password  none: whoever is logged in to this machine may start runs")
    if known := find(places):
        terminal.out.print(f"  pool      {known.name}", soft_wrap=True)
    terminal.out.print(f"  state     {places.state}", soft_wrap=True)
    terminal.out.print(
        "Start a run there under Deployments, or wait for the night. Then: lamplighter down",
        soft_wrap=True,
    )
