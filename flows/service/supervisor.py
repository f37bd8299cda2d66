"""The process that holds a service: starts its server and worker, keeps them alive, ends them."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import httpx

from flows.demo.services import demo_services
from flows.libraries import configure_libraries
from flows.pipeline import environment, told, variable, variables
from flows.service import password
from flows.service.children import Child
from flows.service.identity import Identity, establish
from flows.service.places import Places, Running, pipeline_files
from flows.service.settings import FOR_RUNS, SERVERS, Listening
from tasks.core import lease
from tasks.core.errors import LamplighterError, SourceUnavailableError

START_SECONDS = 120.0
_POLL_SECONDS = 0.2
_LOOK_SECONDS = 5.0
_CATCH_UP_SECONDS = 600.0
_RUNS_AT_ONCE = "4"

log = logging.getLogger("lamplighter")


def supervise(places: Places, identity: Identity, listening: Listening, joined: str | None) -> None:
    """Hold the service until the process is told to end.

    Args:
        places: its files.
        identity: which service it is.
        listening: where its own server listens.
        joined: address of the API of another server; then none is started.

    Raises:
        BusyError: another supervisor holds the service.
        SourceUnavailableError: the server does not come up.
    """
    ending = _told_to_end()
    url = joined or listening.api_url
    files = pipeline_files(places.folder)
    places.state.mkdir(mode=0o700, exist_ok=True)
    with (
        lease.hold(places.lock, f"process {os.getpid()}"),
        contextlib.ExitStack() as stack,
        environment(FOR_RUNS),
        told({"PREFECT_API_URL": url, "PREFECT_HOME": str(places.home)}),
    ):
        for file in files:
            stack.enter_context(demo_services(str(file)))
        children = []
        try:
            if joined is None:
                children.append(_server(places, listening))
            _wait_for_server(url, children, ending)
            _deploy(files, identity, joined is None)
            children.append(_worker(places, identity))
            places.tell(_running(places, url, joined is None))
            log.info("up at %s with %s", url, ", ".join(file.stem for file in files))
            _watch(children, ending, identity, files)
        finally:
            places.forget()
            for child in reversed(children):
                child.stop()
            _end_what_is_left()


def _running(places: Places, url: str, own_server: bool) -> Running:
    asked = variable(SERVERS) if own_server else None
    drawn = asked is not None and asked == password.find(places)
    kept = str(password.file(places)) if drawn else ""
    return Running(os.getpid(), url, own_server, kept, asked is not None)


def _server(places: Places, listening: Listening) -> Child:
    where = ("--host", listening.host, "--port", str(listening.port))
    server = Child(
        "server",
        ("server", "start", *where),
        places.log("server"),
        listening.environment(places, variables()),
        umask=0o077,  # its database holds every parameter and log line
    )
    server.start()
    return server


def _worker(places: Places, identity: Identity) -> Child:
    words = (
        "worker",
        "start",
        "--pool",
        identity.name,
        "--type",
        "process",
        "--limit",
        _RUNS_AT_ONCE,
    )
    worker = Child("worker", words, places.log("worker"))
    worker.start()
    return worker


def _wait_for_server(url: str, children: list[Child], ending: threading.Event) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _is_healthy(url):
        ended = next((child for child in children if child.ended is not None), None)
        if ended is not None or time.monotonic() > deadline:
            raise SourceUnavailableError(
                f"a Prefect server at {url}",
                found=f"it ended with {ended.ended}" if ended else "no answer",
                where=str(ended.log) if ended else url,
                do="Read the end of its log; choose another --port if this one is taken."
                if children
                else "Start that server; or, to have one of this folder's own: "
                "unset PREFECT_API_URL",
            )
        if ending.wait(_POLL_SECONDS):
            sys.exit()  # told to end before it was up


def _is_healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _deploy(files: tuple[Path, ...], identity: Identity, own_server: bool) -> None:
    # Prefect reads its settings when it is imported, so that comes after they are made.
    from flows.service.deployments import deploy

    done = deploy(files, identity, own_server)
    for name in done.made:
        log.info("deployed %s", name)
    for name in done.removed:
        log.info("removed %s, which no pipeline file stands for", name)


def _watch(
    children: list[Child], ending: threading.Event, identity: Identity, files: tuple[Path, ...]
) -> None:
    """Keep the children alive, and have runs looked after beside that.

    A server that is killed while it is asked something answers nothing for minutes: it must be
    started again meanwhile.
    """
    failed: list[Exception] = []
    words = (ending, identity, files, failed)
    threading.Thread(target=_look_after_runs, args=words, daemon=True).start()
    while not ending.wait(_LOOK_SECONDS):
        for child in children:
            if child.keep_alive():
                log.warning("%s ended and was started again", child.name)
        if failed:
            raise failed[0]


def _look_after_runs(
    ending: threading.Event, identity: Identity, files: tuple[Path, ...], failed: list[Exception]
) -> None:
    """Find runs that were killed and nights that are missing, until the service ends."""
    from flows.service.catching_up import catch_up
    from flows.service.rescue import Rescue

    rescue, looked = Rescue(identity.name), -_CATCH_UP_SECONDS
    while not ending.wait(_LOOK_SECONDS):
        try:
            for sentence in rescue.look():
                log.warning("%s", sentence)
            if time.monotonic() - looked >= _CATCH_UP_SECONDS:
                for sentence in catch_up(files, identity):
                    log.warning("%s", sentence)
                looked = time.monotonic()
        except (httpx.HTTPError, LamplighterError) as error:
            # The server may be on its way up again: the next look comes soon.
            log.warning("runs could not be looked after: %s", error)
        except Exception as error:  # noqa: BLE001  # the supervisor ends with it
            failed.append(error)
            return


def _told_to_end() -> threading.Event:
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    return ending


def _end_what_is_left() -> None:
    """End the runs the worker left behind: where the process leads a group, they belong to it."""
    if os.getpgrp() == os.getpid():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(os.getpgrp(), signal.SIGTERM)


@contextlib.contextmanager
def logging_to(stream: TextIO) -> Iterator[None]:
    """Have the supervisor's sentences written with their times while the block runs."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False  # Prefect shows what reaches the root a second time
    try:
        yield
    finally:
        log.removeHandler(handler)


def main() -> None:
    """Supervise by the words of the command line: folder, host, port, joined."""
    folder, host, port, joined = sys.argv[1:]
    configure_libraries()
    with logging_to(sys.stderr):
        try:
            places = Places(Path(folder))
            listening = Listening(host, int(port))
            supervise(places, establish(places), listening, joined or None)
        except LamplighterError as error:
            log.error("%s\n%s", type(error).__name__, error)
            sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
