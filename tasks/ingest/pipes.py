"""Read several things at once, each in bounded memory, and hand them on in order."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Generic, TypeVar

J = TypeVar("J")
T = TypeVar("T")

_DEPTH = 4
_TURN_SECONDS = 0.1
_LAST_WAIT_SECONDS = 5.0


class LateError(Exception):
    """Nothing came before the deadline."""


class _End:
    """Marks the end of a job's items."""


class Pipes(Generic[J, T]):
    """Threads that read jobs, each into a short queue of its own.

    A job whose turn has not come waits once its queue is full: memory is bounded, however uneven
    the jobs are, and the order of the items is that of the jobs, whichever thread is faster. A
    thread that hangs in a driver is left behind at the deadline; it ends with its connection.

    Args:
        jobs: what is to be read, in order.
        open_reader: opens, in a thread of its own, what reads one job after the other.
        threads: how many read at once.
        limit_seconds: the deadline, counted from here.
    """

    def __init__(
        self,
        jobs: Sequence[J],
        open_reader: Callable[[], AbstractContextManager[Callable[[J], Iterator[T]]]],
        threads: int,
        limit_seconds: float,
    ) -> None:
        self._open = open_reader
        self._ends = time.monotonic() + limit_seconds
        self._stopped = threading.Event()
        self._pipes: list[queue.Queue[T | Exception | _End]] = [queue.Queue(_DEPTH) for _ in jobs]
        self._jobs: queue.SimpleQueue[tuple[J, queue.Queue[T | Exception | _End]]]
        self._jobs = queue.SimpleQueue()
        for job in zip(jobs, self._pipes, strict=True):
            self._jobs.put(job)
        self._threads = [
            threading.Thread(target=self._run, name=f"sql-{i}", daemon=True)
            for i in range(min(threads, len(jobs)))
        ]

    def __enter__(self) -> Pipes[J, T]:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(_LAST_WAIT_SECONDS if kind is None else 2 * _TURN_SECONDS)

    def __iter__(self) -> Iterator[T]:
        """The items of all jobs.

        Raises:
            LateError: the deadline passed.
            Exception: what a thread was stopped by.
        """
        for pipe in self._pipes:
            while not isinstance(item := self._get(pipe), _End):
                if isinstance(item, Exception):
                    raise item
                yield item

    def _get(self, pipe: queue.Queue[T | Exception | _End]) -> T | Exception | _End:
        try:
            return pipe.get(timeout=max(0.0, self._ends - time.monotonic()))
        except queue.Empty:
            return LateError("nothing more came before the deadline")

    def _put(self, pipe: queue.Queue[T | Exception | _End], item: T | Exception | _End) -> bool:
        while not self._stopped.is_set():
            try:
                pipe.put(item, timeout=_TURN_SECONDS)
                return True
            except queue.Full:
                continue
        return False

    def _run(self) -> None:
        job, pipe = self._jobs.get()
        try:
            with self._open() as read:
                while True:
                    if not all(self._put(pipe, item) for item in read(job)):
                        return
                    self._put(pipe, _End())
                    if self._jobs.empty():
                        return
                    job, pipe = self._jobs.get_nowait()
        except queue.Empty:  # another thread took the last one
            return
        except Exception as error:  # noqa: BLE001  # it is raised again where the items are taken
            self._put(pipe, error)
