"""Notice an error that an API tells in an answer of status 200, beside some records or none."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.ingest.flaws import FlawError
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.json_even import EvenDocument
from tasks.ingest.json_text import MISSING, Document
from tasks.ingest.text import shorten

_FLAGS = ("/ok", "/success")


def check_told(document: Document | EvenDocument, source: HttpConfig) -> None:
    """Hold that a document tells of no error.

    Raises:
        FlawError: it does, so that its records may be some of them only.
    """
    for pointer in _pointers(source):
        found = document.at(pointer)
        if found is False if pointer in _FLAGS else found is not MISSING and found:
            raise FlawError(f"status 200 with an error at {pointer!r}: {shorten(repr(found))}")


def _pointers(source: HttpConfig) -> Iterator[str]:
    """Where errors are told, except where the records are."""
    for pointer in (*source.errors, *_FLAGS) if source.errors else ():
        if not f"{source.records}/".startswith(f"{pointer}/"):
            yield pointer
