"""Read every page of an HTTP API, or nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from tasks.core.errors import SourceError, SourceMissingError, SourceUnavailableError
from tasks.ingest.bodies import Documents, read_table
from tasks.ingest.counting import Count, refused
from tasks.ingest.fetching import Fetcher, Page, open_fetcher
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.incremental import Watermark
from tasks.ingest.memory import Memory
from tasks.ingest.pagination import Step, Walk, walk_for
from tasks.ingest.parts import Part
from tasks.ingest.prefetch import Prefetch
from tasks.ingest.receiving import UNCHANGED
from tasks.ingest.repeats import Repeats
from tasks.ingest.validators import validators_of


def read_http(
    source: HttpConfig,
    secrets: Mapping[str, SecretStr],
    date: dt.date,
    where: str,
    folder: Path,
    memory: Memory | None = None,
    watermark: Watermark | None = None,
) -> Iterator[Part]:
    """Read an API's records, in the order of its pages.

    Args:
        source: its declaration.
        secrets: the value of each `${NAME}` it refers to.
        date: the batch date.
        where: the source's key in the pipeline file, for messages.
        folder: the pipeline's folder.
        memory: what earlier runs landed, for a conditional request.
        watermark: the last one that is not asked for any more, of a source that has one.

    Raises:
        SourceMissingError: the address is not there.
        SourceUnavailableError: it does not answer as it should, after all attempts.
        SourceError: pages repeat, do not add up to the declared total, or are not what was agreed.
    """
    with (
        open_fetcher(source, secrets, date, where, folder, watermark) as fetcher,
        Prefetch(fetcher, source.concurrency) as pages,
    ):
        walk = walk_for(source.pagination, fetcher.start)
        taking = _Taking(source)
        doubts = _Doubts(fetcher, source)
        for _ in range(source.max_pages):
            page = _fetch_if_changed(fetcher, walk, memory) if memory else pages.fetch(walk)
            if memory and page.body.format == UNCHANGED:
                yield from memory.again()
                return
            before = taking.count.taken
            yield from taking.take(page)
            taken = taking.count.taken
            step = Step(page, taken - before, taken, taking.count.total)
            goes_on = doubts.settle(walk, step)
            if not goes_on:
                break
        else:
            raise refused(f"at most {source.max_pages} pages", "more", page)
        yield from taking.finish(page)
        doubts.check_end(walk)
        fetcher.check_quiet(page)


def _fetch_if_changed(fetcher: Fetcher, walk: Walk, memory: Memory) -> Page:
    """The one page of a source, unless it is still the version that was landed."""
    known = memory.recall(walk.ask)
    page = fetcher.fetch(walk.ask, known.condition if known else None)
    if page.body.format == UNCHANGED and known and not known.may_be(page.headers):
        page = fetcher.fetch(walk.ask)
    if page.body.format != UNCHANGED:
        memory.note(validators_of(page.headers), page.shown)
    return page


class _Taking:
    """The records of a walk's pages: counted, compared, and handed on in parts."""

    def __init__(self, source: HttpConfig) -> None:
        self._source = source
        self._documents = Documents(source)
        self._repeats = Repeats(source)
        self._format = ""
        self.count = Count(source)

    def take(self, page: Page) -> Iterator[Part]:
        """Take a page; what is handed on may be of the pages before."""
        self._format = self._format or page.body.format
        if page.body.format != self._format:
            raise refused(f"{self._format}, as the first page", page.body.format, page)
        self.count.read_total(page)
        if page.body.document is not None:
            seen = self._documents.add(page, self.count.taken + 1)
            self.count.add(seen, page)
            resembles = self._repeats.add(page, seen)
            if resembles or self._documents.are_many:
                yield from self._take_documents()
            if resembles:
                self._repeats.finish()
            return
        before = self.count.taken
        for part in read_table(page, self._source):
            self.count.add(part.seen, page)
            self._repeats.add_keys(part)
            yield part
        self._repeats.add(page, self.count.taken - before)

    def finish(self, last: Page) -> Iterator[Part]:
        """Hand on what waits, once all of it adds up."""
        yield from self._take_documents()
        self.count.check(last)
        self._repeats.finish()

    def _take_documents(self) -> Iterator[Part]:
        for part in self._documents.take():
            self._repeats.add_keys(part)
            yield part


class _Doubts:
    """Asks again for pages that may have come empty, or as the last, by mistake.

    Where a total is declared, whether it is the true one alone is in doubt.

    Args:
        fetcher: what fetches.
        source: the source's declaration.
    """

    def __init__(self, fetcher: Fetcher, source: HttpConfig) -> None:
        self._fetcher, self._source = fetcher, source
        self._are_some = source.confirm_end and source.pagination.kind != "none"
        self._is_end_told = source.has_total

    def settle(self, walk: Walk, step: Step) -> bool:
        """Take note of a page; whether there is another.

        Raises:
            SourceError: asked for again, the page was another.
        """
        ask = walk.ask
        goes_on = walk.advance(step)
        in_doubt = self._are_some and not self._is_end_told
        if in_doubt and not (step.count and goes_on):
            again = self._fetcher.fetch(ask)
            found = self._count(again)
            if found != step.count or (not goes_on and walk.advance(replace(step, page=again))):
                raise refused(
                    f"{step.count} records when the page is asked for again, and the same way on",
                    f"{found} records, or another way",
                    again,
                )
        return goes_on

    def check_end(self, walk: Walk) -> None:
        """Hold that behind the last page there are no records.

        Raises:
            SourceError: there are.
        """
        beyond = walk.beyond() if self._are_some else None
        if beyond is None:
            return
        try:
            page = self._fetcher.fetch(beyond)
        except SourceUnavailableError:
            raise
        except SourceError as error:
            if self._is_end_told or isinstance(error, SourceMissingError):
                return
            raise
        found = self._count(page)
        if found:
            raise refused("no records behind the last page", str(found), page)

    def _count(self, page: Page) -> int:
        if page.body.document is not None:
            return Documents(self._source).add(page, 1)
        return sum(part.seen for part in read_table(page, self._source))
