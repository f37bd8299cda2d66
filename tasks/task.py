"""How a stage becomes a Prefect task without ceasing to be a function.

Inside a flow run a stage is a Prefect task run: named, timed, retried, drawn in the UI. Outside
one, where a flow's plain function runs in this process (`lamplighter run` without a server), it
is the function itself. Either way a listener hears when it starts and ends.
"""

from __future__ import annotations

import functools
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext

_IO = Path("/proc/self/io")  # Linux alone counts what a process reads and writes

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class StageTiming:
    """What one stage cost.

    Args:
        stage: the task's name.
        wall_seconds: time that passed.
        cpu_seconds: time the process computed, children included.
        peak_memory_bytes: the process' largest resident set so far.
        bytes_read: what the process asked the system for, children included; None where the
            system does not count.
        bytes_written: what it gave the system.
    """

    stage: str
    wall_seconds: float
    cpu_seconds: float
    peak_memory_bytes: int
    bytes_read: int | None = None
    bytes_written: int | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """Hears a stage start (its name) and end (what it cost)."""

    started: Callable[[str], None]
    ended: Callable[[StageTiming], None]


_listeners: ContextVar[tuple[Listener, ...]] = ContextVar("listeners", default=())


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Have a listener hear every stage that runs in the block."""
    token = _listeners.set((*_listeners.get(), listener))
    try:
        yield
    finally:
        _listeners.reset(token)


def tell(what: str) -> None:
    """Have the listeners hear what is going on beside the stages, as if it were one that starts."""
    for listener in _listeners.get():
        listener.started(what)


def stage(name: str, **options: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function a stage of the pipeline.

    Args:
        name: the task's name in Prefect and in the `runs` table.
        options: further options of `prefect.task`, retries for example.

    Returns:
        A decorator that keeps the function's signature.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        # References are compared by digest where it matters; Prefect's own cache would hash
        # every argument and could serve a result whose files were rolled away.
        settings: dict[str, Any] = {
            "name": name,
            "cache_policy": NO_CACHE,
            "persist_result": False,
            **options,
        }
        orchestrated: Callable[P, R] = task(**settings)(function)

        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            listeners = _listeners.get()
            for listener in listeners:
                listener.started(name)
            wall, cpu, moved = time.perf_counter(), _cpu_seconds(), _bytes_moved()
            try:
                if FlowRunContext.get() is None:
                    return function(*args, **kwargs)
                return orchestrated(*args, **kwargs)
            finally:
                timing = StageTiming(
                    name,
                    time.perf_counter() - wall,
                    _cpu_seconds() - cpu,
                    resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                    *(now - before for now, before in zip(_bytes_moved(), moved, strict=True)),
                )
                for listener in listeners:
                    listener.ended(timing)

        return run

    return decorate


def _bytes_moved() -> tuple[int, ...]:
    """Bytes read and written by system calls so far; none where the system does not count."""
    if not _IO.is_file():
        return ()
    counts = dict(line.split(": ") for line in _IO.read_text().splitlines())
    return int(counts["rchar"]), int(counts["wchar"])


def _cpu_seconds() -> float:
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
