"""Walk from page to page, and notice a walk that goes in circles."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from tasks.core.errors import SourceError
from tasks.core.keys import digest_bytes
from tasks.ingest.fetching import Page, same_origin
from tasks.ingest.http_config import Cursor, HttpConfig, Link, NoPages, Offset, PageNumber
from tasks.ingest.json_text import MISSING, point
from tasks.ingest.parts import to_json


@dataclass(frozen=True, slots=True)
class Step:
    """A page that was walked to.

    Args:
        page: the page.
        records: its records.
        taken: records so far, with these.
        total: records there are, where the API says so.
    """

    page: Page
    records: Sequence[Any]
    taken: int
    total: int | None


class Walk(Protocol):
    """A way from page to page."""

    def address(self, start: httpx.URL) -> httpx.URL:
        """The next page's address."""

    def foreseen(self, start: httpx.URL) -> Iterator[httpx.URL]:
        """Addresses that probably follow the next one, in order."""

    def advance(self, step: Step) -> bool:
        """Take note of a page; whether there is another.

        Raises:
            SourceError: the walk has been here before, or is led to another host.
        """


class _Unforeseen:
    """A walk of which nothing is known ahead."""

    def foreseen(self, start: httpx.URL) -> Iterator[httpx.URL]:  # noqa: ARG002  # as it says
        return iter(())


class OnePage(_Unforeseen):
    """Asks for one page: the only one."""

    def address(self, start: httpx.URL) -> httpx.URL:
        return start

    def advance(self, step: Step) -> bool:  # noqa: ARG002  # there is no other, whatever it says
        return False


class NumberedWalk:
    """Asks by page number or by offset.

    A short page is no end: a server may give fewer records than asked for. Only an empty page is,
    or the declared total.
    """

    def __init__(self, how: PageNumber | Offset) -> None:
        self._how = how
        self._next = how.first if isinstance(how, PageNumber) else 0
        self._left: int | None = None
        self._stride: int | None = None

    def address(self, start: httpx.URL) -> httpx.URL:
        return self._at(start, self._next)

    def foreseen(self, start: httpx.URL) -> Iterator[httpx.URL]:
        """The pages behind the next one, as far as the declared total goes."""
        if self._stride is None:
            return
        step = 1 if isinstance(self._how, PageNumber) else self._stride
        for count in itertools.count(1):
            if self._left is not None and count * self._stride >= self._left:
                return
            yield self._at(start, self._next + count * step)

    def _at(self, start: httpx.URL, position: int) -> httpx.URL:
        asked: dict[str, str] = {self._how.parameter: str(position)}
        if self._how.size and self._how.size_parameter:
            asked[self._how.size_parameter] = str(self._how.size)
        return start.copy_merge_params(asked)

    def advance(self, step: Step) -> bool:
        self._stride = len(step.records) or None
        self._left = None if step.total is None else step.total - step.taken
        self._next = self._next + 1 if isinstance(self._how, PageNumber) else step.taken
        return bool(step.records) and (step.total is None or step.taken < step.total)


class CursorWalk(_Unforeseen):
    """Asks with the cursor that the page before gave."""

    def __init__(self, how: Cursor) -> None:
        self._how = how
        self._cursor: str | None = None
        self._seen: set[str] = set()

    def address(self, start: httpx.URL) -> httpx.URL:
        if self._cursor is None:
            return start
        return start.copy_merge_params({self._how.parameter: self._cursor})

    def advance(self, step: Step) -> bool:
        found = point(step.page.content, self._how.next)
        if found is None or found is MISSING or found == "":
            return False
        if isinstance(found, bool) or not isinstance(found, (str, int)):
            raise _circle(f"a cursor at {self._how.next!r}", type(found).__name__, step.page)
        self._cursor = str(found)
        if self._cursor in self._seen:
            raise _circle("a new cursor on each page", "one that was followed already", step.page)
        self._seen.add(self._cursor)
        return True


class LinkWalk(_Unforeseen):
    """Asks at the address that the page before gave."""

    def __init__(self, how: Link) -> None:
        self._how = how
        self._link: httpx.URL | None = None
        self._seen: set[httpx.URL] = set()

    def address(self, start: httpx.URL) -> httpx.URL:
        return self._link or start

    def advance(self, step: Step) -> bool:
        self._seen.add(step.page.url)
        found = (
            step.page.links.get("next", {}).get("url")
            if self._how.next is None
            else point(step.page.content, self._how.next)
        )
        if found is None or found is MISSING or found == "":
            return False
        if not isinstance(found, str):
            raise _circle("an address of the next page", type(found).__name__, step.page)
        link = step.page.url.join(found)
        if not same_origin(link, step.page.url):
            raise _circle(f"a next page on {step.page.url.host}", link.host or "no host", step.page)
        if link in self._seen:
            raise _circle("a new address on each page", "one that was followed already", step.page)
        self._link = link
        return True


class Repeats:
    """Notices a page that holds the very records of an earlier one."""

    def __init__(self, source: HttpConfig) -> None:
        self._alone_is_enough = bool(source.key)
        self._seen: set[str] = set()

    def check(self, step: Step) -> None:
        """Take note of a page.

        Raises:
            SourceError: its records came before.
        """
        if not step.records or (len(step.records) == 1 and not self._alone_is_enough):
            return
        content = digest_bytes(to_json(step.records).encode())
        if content in self._seen:
            raise _circle("other records on each page", "those of an earlier page", step.page)
        self._seen.add(content)


def walk_for(how: NoPages | PageNumber | Offset | Cursor | Link) -> Walk:
    """The walk that a pagination declares."""
    if isinstance(how, (PageNumber, Offset)):
        return NumberedWalk(how)
    if isinstance(how, Cursor):
        return CursorWalk(how)
    if isinstance(how, Link):
        return LinkWalk(how)
    return OnePage()


def _circle(required: str, found: str, page: Page) -> SourceError:
    return SourceError(
        required,
        found=found,
        where=page.shown,
        do="Nothing of it was taken. Check the source's pagination, or tell who runs the API.",
    )
