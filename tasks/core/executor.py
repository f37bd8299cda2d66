"""Where the partitions of a stage are computed: one after the other here, or many at once.

A partition names what it reads and carries no rows. The work is a function that a module defines,
of the partition alone: so a partition may be computed by any process that sees the store, after
any other, and twice, and what comes of it is the same. What several partitions of a process read,
the process keeps (`Last`).
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Generic, Protocol, TypeVar

from tasks.core.errors import ComputeError

K = TypeVar("K")
V = TypeVar("V")
P = TypeVar("P")
R = TypeVar("R")


class Executor(Protocol):
    """Computes partitions."""

    @property
    def workers(self) -> int:
        """Partitions that are computed at once."""
        ...

    def map(self, work: Callable[[P], R], partitions: Sequence[P]) -> Iterator[R]:
        """What comes of each partition, in the order of the partitions.

        Where the caller stops asking, partitions that were not begun are not computed.

        Raises:
            ComputeError: no process is left that could compute a partition.
        """
        ...


class InTurn:
    """Computes partitions one after the other, in this process."""

    workers = 1

    def map(self, work: Callable[[P], R], partitions: Sequence[P]) -> Iterator[R]:
        """See `Executor.map`."""
        return map(work, partitions)


IN_TURN = InTurn()


class Processes:
    """Computes partitions in processes of this machine, which are started at the first need.

    Args:
        workers: how many.
        initialise: called in each process before it imports anything else.
    """

    def __init__(self, workers: int, initialise: Callable[[], None] | None = None) -> None:
        self.workers = workers
        self._initialise = initialise
        self._pool: ProcessPoolExecutor | None = None

    def map(self, work: Callable[[P], R], partitions: Sequence[P]) -> Iterator[R]:
        """See `Executor.map`."""
        if len(partitions) < 2:
            yield from map(work, partitions)
            return
        if self._pool is None:
            # A process that was forked with threads of Polars or torch in it may hang.
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.workers, spawn, self._initialise)
        waiting: list[Future[R]] = []
        try:
            waiting += [self._pool.submit(work, partition) for partition in partitions]
            yield from (future.result() for future in waiting)
        except BrokenProcessPool as error:
            raise ComputeError(
                f"{self.workers} processes that compute partitions",
                found="one of them was killed, by the system for want of memory perhaps",
                where="compute.workers",
                do="Run again; lower compute.workers where memory is short.",
            ) from error
        finally:
            for future in waiting:
                future.cancel()

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


class Last(Generic[K, V]):
    """Reads something for a key, and keeps what it read last for those who ask again.

    Args:
        read: what is kept, by what it depends on; it is called in the process that asks.
    """

    def __init__(self, read: Callable[[K], V]) -> None:
        self._read = read
        self._kept: tuple[Any, ...] = ()

    def __call__(self, key: K) -> V:
        """What was read for a key."""
        kept = self._kept
        if not kept or kept[0] != key:
            kept = self._kept = (key, self._read(key))
        found: V = kept[1]
        return found

    def forget(self) -> None:
        """Let go of what was read."""
        self._kept = ()
