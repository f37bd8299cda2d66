"""Read the records of answers' bodies: files by the readers that files have, documents together.

A step over columns costs the same for many rows as for few, so that small pages are taken several
at a time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from tasks.core.errors import SourceError
from tasks.ingest.config import FilesConfig
from tasks.ingest.fetching import Page
from tasks.ingest.files import read_file
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.json_even import EvenDocument, EvenRecords
from tasks.ingest.json_records import take_document
from tasks.ingest.json_text import MISSING, Document
from tasks.ingest.parts import SOURCE, Part
from tasks.ingest.plain_records import take_even, take_plain

_TOGETHER_RECORDS = 16_384
_SHARED = (set(HttpConfig.model_fields) & set(FilesConfig.model_fields)) - {"kind", "format"}


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A document that is not taken yet.

    Args:
        document: the document.
        records: its list of them.
        name: the page's name.
        first_line: position of the first record in the source.
    """

    document: Document | EvenDocument
    records: Sequence[Any]
    name: str
    first_line: int

    def plain(self, pointer: str) -> _Waiting:
        """The same, read record by record."""
        if isinstance(self.document, Document):
            return self
        document = self.document.plain()
        return replace(self, document=document, records=document.at(pointer))


class Documents:
    """JSON documents that wait to be taken together.

    Args:
        source: the source's declaration.
    """

    def __init__(self, source: HttpConfig) -> None:
        self._source = source
        self._waiting: list[_Waiting] = []
        self._count = 0

    def add(self, page: Page, first_line: int) -> int:
        """Put a document behind the others; the number of its records.

        Raises:
            SourceError: there is no list of records where one should be.
        """
        assert page.body.document is not None
        records = page.at(self._source.records)
        if not isinstance(records, (list, EvenRecords)):
            raise SourceError(
                f"a list of records at {self._source.records or 'the top'!r}",
                found="nothing" if records is MISSING else type(records).__name__,
                where=page.shown,
                do="Nothing of it was taken. Run again; if it stays so, ask who runs the API, or "
                "correct the source's records.",
            )
        self._waiting.append(_Waiting(page.body.document, records, page.shown, first_line))
        self._count += len(records)
        return len(records)

    @property
    def are_many(self) -> bool:
        """Whether it is time to take them."""
        return self._count >= _TOGETHER_RECORDS

    def take(self) -> Iterator[Part]:
        """Take all that wait: one part for all of them, or where one is odd, one for each."""
        waiting, self._waiting, self._count = self._waiting, [], 0
        together = self._as_columns(waiting)
        if together is None:
            waiting = [one.plain(self._source.records) for one in waiting]
            together = self._together(waiting) if len(waiting) > 1 else None
        if together is not None:
            yield together
            return
        absent_is_null = self._source.absent == "null"
        for one in waiting:
            assert isinstance(one.document, Document)
            yield take_document(
                one.document,
                self._source.records,
                one.first_line,
                one.name,
                self._source,
                absent_is_null,
            )

    def _as_columns(self, waiting: list[_Waiting]) -> Part | None:
        records = [one.records for one in waiting if isinstance(one.records, EvenRecords)]
        if not records or len(records) < len(waiting):
            return None
        first = waiting[0]
        part = take_even(records, first.first_line, first.name, self._source)
        return None if part is None else _named(part, waiting)

    def _together(self, waiting: list[_Waiting]) -> Part | None:
        if any(isinstance(d := one.document, Document) and d.is_exact for one in waiting):
            return None
        records = list(itertools.chain.from_iterable(one.records for one in waiting))
        first, absent_is_null = waiting[0], self._source.absent == "null"
        part = take_plain(records, first.first_line, first.name, self._source, absent_is_null)
        return None if part is None else _named(part, waiting)


def _named(part: Part, waiting: list[_Waiting]) -> Part:
    """A part of several pages, each row with the name of its own."""
    names = pl.Series(SOURCE, [one.name for one in waiting])
    numbers = np.repeat(np.arange(len(waiting)), [len(one.records) for one in waiting])
    return replace(part, rows=part.rows.with_columns(names.gather(numbers)))


def read_table(page: Page, source: HttpConfig) -> Iterator[Part]:
    """Read the file that a page holds, in bounded memory; it is removed.

    Raises:
        SchemaDriftError: its columns are not those declared.
        SourceError: it is damaged.
    """
    assert page.body.file is not None
    try:
        files, kind = _as_files(source, page.body.format), page.body.format
        yield from read_file(page.body.file, page.shown, files, kind)
    finally:
        page.body.file.unlink()


def _as_files(source: HttpConfig, kind: str) -> FilesConfig:
    """The declaration of a file like the answers of a source."""
    shared = {name: getattr(source, name) for name in _SHARED}
    return FilesConfig(
        **shared, kind="files", path="body", format=kind, max_file_bytes=source.max_page_bytes
    )
