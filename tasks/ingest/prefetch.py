"""Ask for pages ahead of their turn, where their addresses can be foreseen."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from tasks.ingest.asking import Ask
from tasks.ingest.fetching import Fetcher, Page
from tasks.ingest.pagination import Walk


class Prefetch:
    """Gives the pages of a walk, in their order.

    A page that was foreseen wrongly is fetched for nothing and its failure concerns nobody.

    Args:
        fetcher: what fetches.
        concurrency: pages in flight at most.
    """

    def __init__(self, fetcher: Fetcher, concurrency: int) -> None:
        self._fetcher, self._concurrency = fetcher, concurrency
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="pages")
        self._coming: dict[Ask, Future[Page]] = {}

    def __enter__(self) -> Prefetch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._fetcher.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def fetch(self, walk: Walk) -> Page:
        """The next page, while those that probably follow it are asked for too.

        Raises:
            SourceError: as `Fetcher.fetch`.
        """
        if self._concurrency == 1:
            return self._fetcher.fetch(walk.ask)
        page = self._coming.pop(walk.ask, None) or self._submit(walk.ask)
        for ask in walk.foreseen():
            if len(self._coming) + 1 >= self._concurrency:
                break
            if ask not in self._coming:
                self._coming[ask] = self._submit(ask)
        return page.result()

    def _submit(self, ask: Ask) -> Future[Page]:
        return self._pool.submit(self._fetcher.fetch, ask)
