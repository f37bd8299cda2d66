"""Walk from page to page, and notice a walk that goes in circles or past records."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import httpx

from tasks.core.errors import SourceError
from tasks.ingest.asking import Ask, Start, join, same_origin
from tasks.ingest.fetching import Page
from tasks.ingest.http_config import AnyPagination, Cursor, Link, NoPages, Offset, PageNumber
from tasks.ingest.json_text import MISSING


@dataclass(frozen=True, slots=True)
class Step:
    """A page that was walked to.

    Args:
        page: the page.
        count: its records.
        taken: records so far, with these.
        total: records there are, where the API says so.
    """

    page: Page
    count: int
    taken: int
    total: int | None


class Walk(Protocol):
    """A way from page to page."""

    @property
    def ask(self) -> Ask:
        """The next page's request."""

    def foreseen(self) -> Iterator[Ask]:
        """Requests that probably follow the next one, in order."""

    def advance(self, step: Step) -> bool:
        """Take note of a page; whether there is another.

        Raises:
            SourceError: the walk has been here before, leads to another host, or past records.
        """

    def beyond(self) -> Ask | None:
        """A request for records behind the last page, where one can be made."""


class _Unforeseen:
    """A walk of which nothing is known ahead."""

    def foreseen(self) -> Iterator[Ask]:
        return iter(())

    def beyond(self) -> Ask | None:
        return None


class OnePage(_Unforeseen):
    """Asks for one page: the only one."""

    def __init__(self, start: Start) -> None:
        self.ask = start.ask()

    def advance(self, step: Step) -> bool:  # noqa: ARG002  # there is no other, whatever it says
        return False


class NumberedWalk:
    """Asks by page number or by offset.

    A short page is no end: a server may give fewer records than asked for. Only an empty page is,
    or the declared total.
    """

    def __init__(self, how: PageNumber | Offset, start: Start) -> None:
        self._how, self._start = how, start
        self._is_by_page = isinstance(how, PageNumber)
        self._next = how.first if isinstance(how, PageNumber) else 0
        self._left: int | None = None
        self._stride: int | None = None
        self._size: int | None = None
        self._beyond: int | None = None
        self._asks: dict[int, Ask] = {}

    @property
    def ask(self) -> Ask:
        return self._at(self._next)

    def foreseen(self) -> Iterator[Ask]:
        """The pages behind the next one, as far as the declared total goes."""
        if self._stride is None:
            return
        step = 1 if self._is_by_page else self._stride
        for count in itertools.count(1):
            if self._left is not None and count * self._stride >= self._left:
                return
            yield self._at(self._next + count * step)

    def advance(self, step: Step) -> bool:
        if isinstance(self._how, PageNumber) and self._how.even:
            self._check_even(step)
        self._asks.pop(self._next, None)
        self._size = self._size or step.count or None
        self._stride = step.count or None
        self._left = None if step.total is None else step.total - step.taken
        is_last = not step.count or (step.total is not None and step.taken >= step.total)
        following = self._next + 1 if self._is_by_page else step.taken
        if not is_last:
            self._next = following
        elif step.count:
            self._beyond = following
        else:
            stride = 1 if self._is_by_page else self._size or self._how.size
            self._beyond = self._next + stride if stride else None
        return not is_last

    def beyond(self) -> Ask | None:
        return None if self._beyond is None else self._at(self._beyond)

    def _check_even(self, step: Step) -> None:
        """Where pages change their size, a page's number means other records than it should."""
        was_short = self._stride is not None and self._stride != self._size
        if step.count and (was_short or step.count > (self._size or step.count)):
            raise _astray(
                f"{self._size} records on every page but the last",
                f"{self._stride if was_short else step.count}",
                step.page,
                "If the API leaves records out of its pages, set the pagination's even: false.",
            )

    def _at(self, position: int) -> Ask:
        if position not in self._asks:
            values = {self._how.parameter: position}
            if self._how.size and self._how.size_parameter:
                values[self._how.size_parameter] = self._how.size
            self._asks[position] = self._start.ask(values)
        return self._asks[position]


class CursorWalk(_Unforeseen):
    """Asks with the cursor that the page before gave."""

    def __init__(self, how: Cursor, start: Start) -> None:
        self._how, self._start = how, start
        self._seen: set[str | int] = set()
        self.ask = start.ask()

    def advance(self, step: Step) -> bool:
        found = self._cursor(step.page)
        if found is None or found is MISSING or found == "":
            return False
        place = repr(self._how.next or self._how.next_header)
        if isinstance(found, bool) or not isinstance(found, (str, int)) or not _is_text(found):
            raise _astray(f"a cursor at {place}", type(found).__name__, step.page)
        if found in self._seen:
            raise _astray("a new cursor on each page", "one that was followed already", step.page)
        self._seen.add(found)
        self.ask = self._start.ask({self._how.parameter: found})
        return True

    def _cursor(self, page: Page) -> object:
        if self._how.next_header is not None:
            return page.headers.get(self._how.next_header)
        assert self._how.next is not None
        return page.at(self._how.next)


class LinkWalk(_Unforeseen):
    """Asks at the address that the page before gave."""

    def __init__(self, how: Link, start: Start) -> None:
        self._how = how
        self._seen: set[httpx.URL] = set()
        self.ask = start.ask()

    def advance(self, step: Step) -> bool:
        page = step.page
        self._seen |= {page.url, self.ask.url}
        found = self._next(page)
        if found is None or found is MISSING or found == "":
            return False
        link = join(page.url, found) if isinstance(found, str) else None
        if link is None:
            raise _astray("an address of the next page", type(found).__name__, page)
        if not same_origin(link, page.url):
            raise _astray(f"a next page on {page.url.host}", link.host, page)
        if link in self._seen:
            raise _astray("a new address on each page", "one that was followed already", page)
        self.ask = Ask(link, self.ask.body)
        return True

    def _next(self, page: Page) -> object:
        if self._how.next is not None:
            return page.at(self._how.next)
        try:
            return page.next_link
        except ValueError as error:
            raise _astray("a Link header that tells the next page", str(error), page) from None


def walk_for(how: AnyPagination, start: Start) -> Walk:
    """The walk that a pagination declares."""
    if isinstance(how, NoPages):
        return OnePage(start)
    if isinstance(how, Cursor):
        return CursorWalk(how, start)
    if isinstance(how, Link):
        return LinkWalk(how, start)
    return NumberedWalk(how, start)


def _is_text(found: str | int) -> bool:
    try:
        str(found).encode()
    except ValueError:  # half a character, or a number of thousands of digits
        return False
    return True


def _astray(required: str, found: str, page: Page, advice: str = "") -> SourceError:
    return SourceError(
        required,
        found=found,
        where=page.shown,
        do="Nothing of it was taken. Check the source's pagination, or tell who runs the API. "
        + advice,
    )
