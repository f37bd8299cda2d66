"""Read the records of an answer's body, by the readers that files have."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.core.errors import SourceError
from tasks.ingest.config import FilesConfig
from tasks.ingest.fetching import Page
from tasks.ingest.files import read_file
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.json_records import take_document
from tasks.ingest.json_text import MISSING
from tasks.ingest.parts import Part

_SHARED = (set(HttpConfig.model_fields) & set(FilesConfig.model_fields)) - {"kind", "format"}


def read_body(page: Page, first_line: int, source: HttpConfig) -> Iterator[Part]:
    """Read a page's records; a file of them in bounded memory.

    Args:
        page: the page; the file of its body is removed.
        first_line: position in the source of the first record of a document.
        source: the source's declaration.

    Raises:
        SchemaDriftError: the columns of a file are not those declared.
        SourceError: there is no list of records, or the file is damaged.
    """
    body = page.body
    if body.document is not None:
        check_list(page, source)
        absent_is_null = source.absent == "null"
        yield take_document(
            body.document, source.records, first_line, page.shown, source, absent_is_null
        )
        return
    assert body.file is not None
    try:
        yield from read_file(body.file, page.shown, _as_files(source, body.format))
    finally:
        body.file.unlink()


def check_list(page: Page, source: HttpConfig) -> None:
    """Hold that a document has a list of records where it should.

    Raises:
        SourceError: it has not.
    """
    records = page.at(source.records)
    if not isinstance(records, list):
        raise SourceError(
            f"a list of records at {source.records or 'the top'!r}",
            found="nothing" if records is MISSING else type(records).__name__,
            where=page.shown,
            do="Nothing of it was taken. Run again; if it stays so, ask who runs the API, or "
            "correct the source's records.",
        )


def _as_files(source: HttpConfig, kind: str) -> FilesConfig:
    """The declaration of a file like the answers of a source."""
    shared = {name: getattr(source, name) for name in _SHARED}
    return FilesConfig(
        **shared, kind="files", path="body", format=kind, max_file_bytes=source.max_page_bytes
    )
