"""A bucket of an object store as a place of files: each object is fetched, checked and pinned."""

from __future__ import annotations

import base64
import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import httpx

from tasks.core.errors import SourceError, SourceUnavailableError
from tasks.ingest.compression import check_size
from tasks.ingest.flaws import FlawError
from tasks.ingest.names import fixed_start, is_data, is_wild, matcher
from tasks.ingest.objects import Object, Requests
from tasks.ingest.places import Found
from tasks.ingest.transport import Answer

_MAX_PIECES = 1000


class Bucket:
    """One bucket.

    Args:
        told: its address, `s3://drops`.
        address: where its objects are asked for.
        requests: what asks.
        list_all: lists the objects whose keys begin with a text.
        staging: a folder for what is fetched.
        limit: bytes of an object.
    """

    def __init__(
        self,
        told: str,
        address: httpx.URL,
        requests: Requests,
        list_all: Callable[[Requests, httpx.URL, str], Iterator[Object]],
        staging: Path | None,
        limit: int,
    ) -> None:
        self.told, self._address, self._requests = told, address, requests
        self._list_all, self._staging, self._limit = list_all, staging, limit

    def find(self, pattern: str) -> list[Found]:
        return [one for one in self._glob(pattern) if is_data(one.key, pattern)]

    def find_one(self, pattern: str) -> Found | None:
        return next(self._glob(pattern), None)

    def nearest(self, pattern: str) -> str:
        """Whether anything is there that begins as the pattern does."""
        start = fixed_start(pattern) if is_wild(pattern) else pattern.rpartition("/")[0]
        some = next(self._list_all(self._requests, self._address, start), None)
        told = f"that begins with {start}" if start else "in it"
        return f"no object {told}" if some is None else f"no object that fits {pattern}"

    @contextmanager
    def open(self, found: Found) -> Iterator[Path]:
        check_size(found.size, found.name, self._limit)
        if self._staging is not None:
            self._staging.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._staging, prefix="object-") as folder:
            # The ending stays: formats go by it.
            path = Path(folder) / f"content{''.join(Path(found.key).suffixes[-2:])}"
            with path.open("wb") as sink:
                address = object_address(self._address, found.key)
                _Fetch(self._requests, address, found, sink).run()
            yield path

    def _glob(self, pattern: str) -> Iterator[Found]:
        fits, escaped = matcher(pattern), re.sub(r"\[([*?\[])\]", r"\1", pattern)
        start = fixed_start(pattern) if is_wild(pattern) else escaped
        for one in self._list_all(self._requests, self._address, start):
            if fits(one.key) and not one.key.endswith("/"):
                name = f"{self.told}/{one.key}"
                _check_key(one.key, name)
                yield Found(one.key, name, one.size, plain_etag(one.etag))


def _check_key(key: str, name: str) -> None:
    if any(part in {".", ".."} for part in key.split("/")):
        raise SourceError(
            "a key whose parts are names", found=key, where=name, do="Have the object renamed."
        )


def object_address(bucket: httpx.URL, key: str) -> httpx.URL:
    """Where an object is asked for."""
    path = f"{bucket.raw_path.decode().rstrip('/')}/{quote(key, safe='/-_.~')}"
    return bucket.copy_with(raw_path=path.encode())


class _Fetch:
    """Fetches one object, going on where an answer broke off, as long as it is the same object.

    Args:
        requests: what asks.
        address: where it is.
        found: what it has to be.
        sink: an empty file.
    """

    def __init__(
        self, requests: Requests, address: httpx.URL, found: Found, sink: IO[bytes]
    ) -> None:
        self._requests, self._address, self._found, self._sink = requests, address, found, sink
        self._restart()

    def run(self) -> None:
        """Fetch it.

        Raises:
            SourceUnavailableError: it was replaced, or cannot be had whole.
        """
        for _ in range(_MAX_PIECES):
            declared = self._requests.retrying(self._ask, self._found.name)
            if self._had == self._found.size:
                break
        else:
            raise self._changed(f"{self._had} in {_MAX_PIECES} answers")
        if declared and self._digest and self._digest.digest() != base64.b64decode(declared):
            raise self._changed("another MD5 than the store declares")

    def _restart(self) -> None:
        self._had = 0
        self._digest: Any = None
        self._sink.seek(0)
        self._sink.truncate()

    def _ask(self) -> str:
        headers = {"If-Match": f'"{self._found.version}"'}
        if self._had:
            headers["Range"] = f"bytes={self._had}-"
        before = self._had

        def read(response: Answer) -> str:
            if plain_etag(response.headers.get("etag", "")) != self._found.version:
                raise self._changed("another ETag")
            if self._had and not _goes_on(response, self._had):
                self._restart()
            if not self._had and _declared_md5(response):
                self._digest = hashlib.md5(usedforsecurity=False)
            try:
                for chunk in response.chunks:
                    self._take(chunk)
            except FlawError:
                if self._had <= before:
                    raise
            return _declared_md5(response)

        declared = self._requests.once(self._address, headers, self._found.name, read)
        if self._had == before and self._found.size:
            raise FlawError("an answer without content")
        return declared

    def _take(self, chunk: bytes) -> None:
        self._had += len(chunk)
        if self._had > self._found.size:
            raise self._changed("more")
        if self._digest:
            self._digest.update(chunk)
        self._sink.write(chunk)

    def _changed(self, found: str) -> SourceUnavailableError:
        return SourceUnavailableError(
            f"the object that was listed, of {self._found.size} bytes",
            found=found,
            where=self._found.name,
            do="Run again once whoever writes the objects is done.",
        )


def _goes_on(response: Answer, had: int) -> bool:
    """Whether an answer begins where the one before broke off."""
    given = response.headers.get("content-range", "")
    return response.status == httpx.codes.PARTIAL_CONTENT and given.startswith(f"bytes {had}-")


def _declared_md5(response: Answer) -> str:
    """The MD5 of the whole object where the store declares it, in base 64."""
    headers = response.headers
    google = re.search("md5=([A-Za-z0-9+/=]+)", headers.get("x-goog-hash", ""))
    if google:
        return google[1]
    whole = "x-ms-version" in headers and "content-range" not in headers
    return str(
        headers.get("x-ms-blob-content-md5", headers.get("content-md5", "") if whole else "")
    )


def plain_etag(etag: str) -> str:
    """An ETag without its quotes, which listings leave out or keep as they please."""
    return etag.strip().removeprefix("W/").strip('"')
