"""Count the records of a walk, and hold them to the total that the API told."""

from __future__ import annotations

import re

from tasks.core.errors import SourceError
from tasks.ingest.fetching import Page
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.json_text import MISSING
from tasks.ingest.text import shorten

_RANGE = re.compile(r"\s*\w*\s*(?:\d+-\d+|\*)\s*/\s*(\d+)\s*")


class Count:
    """Records taken so far, and how many there are.

    Args:
        source: the source's declaration.
    """

    def __init__(self, source: HttpConfig) -> None:
        self._source = source
        self.taken = 0
        self.total: int | None = None

    def add(self, seen: int, page: Page) -> None:
        """Take note of records.

        Raises:
            SourceError: they are more than allowed.
        """
        self.taken += seen
        if self.taken > self._source.max_records:
            raise refused(f"at most {self._source.max_records} records", "more", page)

    def read_total(self, page: Page) -> None:
        """Take note of the total that a page tells.

        Raises:
            SourceError: it tells none, or another one than the page before.
        """
        if not self._source.has_total:
            return
        found, place = self._found(page)
        if not isinstance(found, int) or isinstance(found, bool):
            told = "nothing" if found is MISSING else shorten(repr(found))
            raise refused(f"a whole number at {place!r}", told, page)
        if self.total is not None and found != self.total:
            raise refused(f"the total of the first page, {self.total}", str(found), page)
        self.total = found

    def check(self, page: Page) -> None:
        """Hold that all records there are were taken.

        Raises:
            SourceError: they were fewer, or more.
        """
        if self.total is not None and self.taken != self.total:
            required = f"{self.total} records, the total that was declared"
            raise refused(required, str(self.taken), page)

    def _found(self, page: Page) -> tuple[object, str | None]:
        header = self._source.total_header
        if header is None:
            assert self._source.total is not None
            return page.at(self._source.total), self._source.total
        text = page.headers.get(header, "").strip()
        within = _RANGE.fullmatch(text)
        text = within[1] if within else text
        return (int(text) if text.isdecimal() else text or MISSING), header


def refused(required: str, found: str, page: Page) -> SourceError:
    """The error of a walk that is not what was agreed."""
    return SourceError(
        required,
        found=found,
        where=page.shown,
        do="Nothing of it was taken. Run again; if it stays so, ask who runs the API, or correct "
        "the source's records, total, pagination or limits.",
    )
