"""Ask for pages ahead of their turn, where their addresses can be foreseen."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import httpx

from tasks.ingest.fetching import Fetcher, Page


class Prefetch:
    """Gives the pages that are asked for, in the order they are asked for.

    A page that was foreseen wrongly is fetched for nothing and its failure concerns nobody.

    Args:
        fetcher: what fetches.
        concurrency: pages in flight at most.
    """

    def __init__(self, fetcher: Fetcher, concurrency: int) -> None:
        self._fetcher, self._concurrency = fetcher, concurrency
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="pages")
        self._coming: dict[httpx.URL, Future[Page]] = {}

    def __enter__(self) -> Prefetch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def fetch(self, url: httpx.URL, foreseen: Iterable[httpx.URL]) -> Page:
        """A page, while the pages that will probably follow are asked for too.

        Raises:
            SourceError: as `Fetcher.fetch`.
        """
        if self._concurrency == 1:
            return self._fetcher.fetch(url)
        page = self._coming.pop(url, None) or self._pool.submit(self._fetcher.fetch, url)
        for address in foreseen:
            if len(self._coming) + 1 >= self._concurrency:
                break
            if address not in self._coming:
                self._coming[address] = self._pool.submit(self._fetcher.fetch, address)
        return page.result()
