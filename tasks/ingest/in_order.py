"""Work on several items at once, and hand the results on in the items' order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import polars as pl

T = TypeVar("T")
R = TypeVar("R")

_MOST_WORKERS = 4  # each holds a block: more would cost memory


def in_order(work: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[T, R]]:
    """Each item with what the work made of it; items are taken only a few ahead.

    Args:
        work: to be done in threads; it should spend its time without Python's lock.
        items: taken one after the other, in the caller's thread.
    """
    workers = min(pl.thread_pool_size(), _MOST_WORKERS)
    with ThreadPoolExecutor(workers, thread_name_prefix="parse") as pool:
        coming: deque[tuple[T, Future[R]]] = deque()
        try:
            for item in items:
                coming.append((item, pool.submit(work, item)))
                if len(coming) > workers:
                    first, done = coming.popleft()
                    yield first, done.result()
            while coming:
                first, done = coming.popleft()
                yield first, done.result()
        finally:
            pool.shutdown(cancel_futures=True)
