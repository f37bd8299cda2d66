"""Read every page of an HTTP API, or nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr

from tasks.core.errors import SourceMissingError
from tasks.ingest.bodies import read_body
from tasks.ingest.counting import Count, refused
from tasks.ingest.fetching import Fetcher, Page, open_fetcher
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.pagination import Step, Walk, walk_for
from tasks.ingest.parts import Part
from tasks.ingest.prefetch import Prefetch
from tasks.ingest.repeats import Repeats


def read_http(
    source: HttpConfig,
    secrets: Mapping[str, SecretStr],
    date: dt.date,
    where: str,
    folder: Path,
) -> Iterator[Part]:
    """Read an API's records, in the order of its pages.

    Args:
        source: its declaration.
        secrets: the value of each `${NAME}` it refers to.
        date: the batch date.
        where: the source's key in the pipeline file, for messages.
        folder: the pipeline's folder.

    Raises:
        SourceMissingError: the address is not there.
        SourceUnavailableError: it does not answer as it should, after all attempts.
        SourceError: pages repeat, do not add up to the declared total, or are not what was agreed.
    """
    with (
        open_fetcher(source, secrets, date, where, folder) as fetcher,
        Prefetch(fetcher, source.concurrency) as pages,
    ):
        walk = walk_for(source.pagination, fetcher.start)
        count, repeats, kind = Count(source), Repeats(source), ""
        for _ in range(source.max_pages):
            page = pages.fetch(walk)
            kind = kind or page.body.format
            if page.body.format != kind:
                raise refused(f"{kind.upper()}, as on the first page", page.body.format, page)
            count.read_total(page)
            before = count.taken
            yield from _take(page, source, count, repeats)
            step = Step(page, count.taken - before, count.taken, count.total)
            if not walk.advance(step):
                break
        else:
            raise refused(f"at most {source.max_pages} pages", "more", page)
        count.check(page)
        repeats.finish()
        if source.confirm_end and count.total is None and source.pagination.kind != "none":
            _confirm(fetcher, walk, step, source)


def _take(page: Page, source: HttpConfig, count: Count, repeats: Repeats) -> Iterator[Part]:
    """A page's records, each part of them counted and compared before it is handed on."""
    seen = held = 0
    keys = []
    for part in read_body(page, count.taken + 1, source):
        count.add(part.seen, page)
        seen, held = seen + part.seen, held + len(part.held)
        hashes = repeats.key_hashes(part)
        keys += [] if hashes is None else [hashes]
        yield part
    if source.pagination.kind != "none":
        repeats.check(page, keys, seen, held)


def _confirm(fetcher: Fetcher, walk: Walk, last: Step, source: HttpConfig) -> None:
    """Hold that the last page, asked for again, is still the last, and that none follows it.

    Raises:
        SourceError: it is not: it had come empty, or without the way to the next, by mistake.
    """
    again = fetcher.fetch(walk.ask)
    found = _records(again, source)
    if found != last.count or walk.advance(Step(again, found, last.taken, None)):
        raise refused(
            f"{last.count} records on the last page, and none behind",
            f"{found} when it was asked for again, or a page that follows",
            again,
        )
    beyond = walk.beyond()
    if beyond is None:
        return
    try:
        page = fetcher.fetch(beyond)
    except SourceMissingError:
        return
    found = _records(page, source)
    if found:
        raise refused("no records behind the last page", str(found), page)


def _records(page: Page, source: HttpConfig) -> int:
    """How many records a page has."""
    return sum(part.seen for part in read_body(page, 1, source))
