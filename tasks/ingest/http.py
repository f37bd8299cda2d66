"""Read every page of an HTTP API, or nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr

from tasks.core.errors import SourceError
from tasks.ingest.fetching import Page, open_fetcher
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.json_text import MISSING, point
from tasks.ingest.pagination import Repeats, Step, walk_for
from tasks.ingest.parts import Part
from tasks.ingest.prefetch import Prefetch
from tasks.ingest.records import positions, take_objects


def read_http(
    source: HttpConfig, secrets: Mapping[str, SecretStr], date: dt.date, where: str
) -> Iterator[Part]:
    """Read an API's records, in the order of its pages.

    Args:
        source: its declaration.
        secrets: the value of each `${NAME}` it refers to.
        date: the batch date.
        where: the source's key in the pipeline file, for messages.

    Raises:
        SourceMissingError: the address is not there.
        SourceUnavailableError: it does not answer as it should, after all attempts.
        SourceError: pages repeat, do not add up to the declared total, or are not what was agreed.
    """
    with (
        open_fetcher(source, secrets, date, where) as fetcher,
        Prefetch(fetcher, source.concurrency) as pages,
    ):
        walk, repeats = walk_for(source.pagination), Repeats(source)
        taken, total = 0, None
        for _ in range(source.max_pages):
            start = fetcher.start
            page = pages.fetch(walk.address(start), walk.foreseen(start))
            records = _records(page, source)
            lines = positions(taken + 1, len(records))
            taken += len(records)
            total = _total(page, source, total)
            step = Step(page, records, taken, total)
            repeats.check(step)
            if taken > source.max_records:
                raise _refused(f"at most {source.max_records} records", "more", page)
            yield take_objects(records, lines, page.shown, source, source.absent == "null")
            if not walk.advance(step):
                break
        else:
            raise _refused(f"at most {source.max_pages} pages", "more", page)
        if total is not None and taken != total:
            raise _refused(f"{total} records, the total that was declared", str(taken), page)


def _records(page: Page, source: HttpConfig) -> list[Any]:
    records = point(page.content, source.records)
    if not isinstance(records, list):
        found = "nothing" if records is MISSING else type(records).__name__
        raise _refused(f"a list of records at {source.records or 'the top'!r}", found, page)
    return records


def _total(page: Page, source: HttpConfig, before: int | None) -> int | None:
    if source.total is None:
        return None
    total = point(page.content, source.total)
    if not isinstance(total, int) or isinstance(total, bool):
        found = "nothing" if total is MISSING else repr(total)
        raise _refused(f"a whole number at {source.total!r}", found, page)
    if before is not None and total != before:
        raise _refused(f"the total of the first page, {before}", str(total), page)
    return total


def _refused(required: str, found: str, page: Page) -> SourceError:
    return SourceError(
        required,
        found=found,
        where=page.shown,
        do="Nothing of it was taken. Run again; if it stays so, ask who runs the API, or correct "
        "the source's records, total, pagination or limits.",
    )
