"""Take an answer's body in: decoded, whole, within its limit, and of the format it should have."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import httpx

from tasks.core.errors import SourceError
from tasks.ingest.content_coding import decode
from tasks.ingest.flaws import FlawError
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.json_even import EvenDocument, read_document
from tasks.ingest.json_text import Document
from tasks.ingest.told_errors import check_told
from tasks.ingest.transport import Answer

UNCHANGED: Final = "unchanged"

_BY_TYPE: Final = {
    "application/json": "json",
    "text/json": "json",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "application/x-jsonl": "ndjson",
    "application/jsonlines": "ndjson",
    "application/x-jsonlines": "ndjson",
    "application/json-lines": "ndjson",
    "text/csv": "csv",
    "application/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/vnd.apache.parquet": "parquet",
    "application/x-parquet": "parquet",
    "application/parquet": "parquet",
}
_BY_ENDING: Final = {
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
_COMPRESSED: Final = {".gz", ".bz2", ".xz", ".zst", ".zip"}
_PAGES_FOR_PEOPLE: Final = {"text/html", "application/xhtml+xml"}
LINES: Final = {"ndjson", "csv", "tsv"}
_PARQUET_MARK: Final = b"PAR1"


@dataclass(frozen=True, slots=True)
class Body:
    """What an answer held.

    Args:
        format: json, ndjson, csv, tsv or parquet; UNCHANGED where nothing was sent.
        document: the document, where it is JSON.
        file: where the bytes lie, where it is not; to be removed once they are read.
        digest: SHA-256 of the bytes of a file; empty for a document.
    """

    format: str
    document: Document | EvenDocument | None = None
    file: Path | None = None
    digest: str = ""


def receive(answer: Answer, source: HttpConfig, shown: str, folder: Path) -> Body:
    """Read an answer's body to its end.

    Args:
        answer: with its body still to be read.
        source: the source's declaration.
        shown: the answer's name in messages.
        folder: where a file may be written.

    Raises:
        FlawError: it is cut, garbled, of another format, or longer than it says.
        SourceError: it is larger than allowed.
    """
    kind = format_of(answer, source)
    if kind in LINES and not source.has_total and not _has_end(answer.headers):
        raise FlawError("neither a length nor chunks: its end cannot be told from a cut")
    chunks = _whole(answer, source.max_page_bytes, shown)
    try:
        if kind == "json":
            content = b"".join(chunks)
            document = _document(content, source)
            check_told(document, source)
            return Body(kind, document)
        return _store(kind, chunks, folder)
    except ValueError as error:
        found = str(error)
    raise FlawError(f"not {kind.upper()}: {found}")


def _document(content: bytes, source: HttpConfig) -> Document | EvenDocument:
    """Read a document: as columns, unless its records are to be compared with other pages'."""
    if source.pagination.kind != "none" and not source.tells_records_by_keys:
        return Document(content)
    return read_document(content, source.records, source, source.absent == "null")


def format_of(answer: Answer, source: HttpConfig) -> str:
    """What an answer is written in.

    Raises:
        FlawError: its Content-Type is of another format than was declared.
    """
    told = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    said = "json" if told.endswith("+json") else _BY_TYPE.get(told)
    if source.format == "auto" and not source.needs_json:
        return said or _BY_ENDING.get(_ending(answer.url.path), "json")
    wanted = "json" if source.format == "auto" else source.format
    # Many an API calls lines of JSON simply JSON.
    fits = said in {None, wanted} or (said, wanted) == ("json", "ndjson")
    if told in _PAGES_FOR_PEOPLE or not fits:
        raise FlawError(f"not {wanted.upper()}: the Content-Type is {told[:60]!r}")
    return wanted


def _ending(path: str) -> str:
    endings = [ending.lower() for ending in PurePosixPath(path).suffixes]
    if endings and endings[-1] in _COMPRESSED:
        endings.pop()
    return endings[-1] if endings else ""


def _has_end(headers: httpx.Headers) -> bool:
    """Whether an answer's end can be told from a lost connection."""
    return "content-length" in headers or "transfer-encoding" in headers


def _whole(answer: Answer, limit: int, shown: str) -> Iterator[bytes]:
    """The decoded chunks of a body, each as it comes.

    Raises:
        FlawError: the body does not end where it should.
        SourceError: it is larger than the limit.
    """
    size = 0
    for chunk in decode(answer.chunks, answer.headers.get("content-encoding", "")):
        size += len(chunk)
        if size > limit:
            raise SourceError(
                f"an answer of at most {limit} bytes, decompressed",
                found="a larger one",
                where=shown,
                do="Ask for smaller pages, or raise max_page_bytes.",
            )
        yield chunk
    length, chunked = answer.headers.get("content-length"), "transfer-encoding" in answer.headers
    if length is not None and chunked:
        raise FlawError("both a Content-Length and chunks: its end cannot be told")
    if answer.wire.has_more():
        told = f"the Content-Length of {length} that it told" if length else "its last chunk"
        raise FlawError(f"more bytes than {told}")


def _store(kind: str, chunks: Iterator[bytes], folder: Path) -> Body:
    digest, start, end = hashlib.sha256(), b"", b""
    with tempfile.NamedTemporaryFile(dir=folder, suffix=f".{kind}", delete=False) as file:
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
            start = (start + chunk[:4])[:4]
            end = (end + chunk[-4:])[-4:]
    if kind == "parquet" and not start == end == _PARQUET_MARK:
        raise ValueError("it does not begin and end as one")
    return Body(kind, file=Path(file.name), digest=digest.hexdigest())
