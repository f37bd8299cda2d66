"""Ask an object store: list a bucket, read an object; whole answers, from the store alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, unquote
from xml.parsers import expat

import httpx
import stamina

from tasks.core.errors import SourceError, SourceMissingError, SourceUnavailableError
from tasks.ingest.flaws import FlawError
from tasks.ingest.signing import Signer
from tasks.ingest.transport import Answer, Transport
from tasks.ingest.xlsx_book import DamagedError, parser_for

T = TypeVar("T")

_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_ATTEMPTS = 6
_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 10.0
_MAX_LISTING_BYTES = 1 << 26
_DO = "Nothing of it was taken. Run again later; if it stays so, ask who runs the object store."


@dataclass(frozen=True, slots=True)
class Object:
    """An object of a bucket.

    Args:
        key: its name.
        size: its bytes.
        etag: what changes when it is replaced.
    """

    key: str
    size: int
    etag: str


class Requests:
    """Sends requests to one store.

    Args:
        client: what sends them, never on to another address.
        signer: what makes the store believe them.
        told: the bucket, for messages.
        headers: what is sent with each.
    """

    def __init__(
        self, client: Transport, signer: Signer, told: str, headers: Mapping[str, str]
    ) -> None:
        self._client, self._signer, self.told = client, signer, told
        self._headers = headers

    def listing(self, url: httpx.URL) -> bytes:
        """A page of a listing.

        Raises:
            SourceError: the store refuses; as further errors say.
        """

        def read(response: Answer) -> bytes:
            content = bytearray()
            for chunk in response.chunks:
                content += chunk
                if len(content) > _MAX_LISTING_BYTES:
                    raise SourceError(
                        "a page of a listing", found="a larger answer", where=self.told, do=_DO
                    )
            return bytes(content)

        return self.retrying(
            lambda: self.once(url, {"Accept-Encoding": "identity"}, self.told, read), self.told
        )

    def once(
        self,
        url: httpx.URL,
        headers: dict[str, str],
        where: str,
        read: Callable[[Answer], T],
    ) -> T:
        """Ask once, and have the answer read.

        Raises:
            FlawError: it may go better the next time.
            SourceError: it will not.
        """
        address, sent = self._signer.sign(url, {**self._headers, **headers})
        with self._client.stream("GET", address, sent) as response:
            _check_status(response, where)
            return read(response)

    def retrying(self, ask: Callable[[], T], where: str) -> T:
        """Do something again while it has flaws.

        Raises:
            SourceUnavailableError: it has them to the end.
        """
        try:
            for attempt in stamina.retry_context(
                on=FlawError,
                attempts=_ATTEMPTS,
                timeout=None,
                wait_initial=_FIRST_WAIT_SECONDS,
                wait_max=_LONGEST_WAIT_SECONDS,
                wait_jitter=_FIRST_WAIT_SECONDS,
            ):
                with attempt:
                    return ask()
        except FlawError as flaw:
            raise SourceUnavailableError(
                "a whole answer of the object store", found=str(flaw), where=where, do=_DO
            ) from None
        raise AssertionError("stamina gives at least one attempt")


def _check_status(response: Answer, where: str) -> None:
    status = response.status
    if status in _RETRIED:
        raise FlawError(f"status {status}")
    if status == httpx.codes.PRECONDITION_FAILED:
        raise SourceUnavailableError(
            "an object that stays as it is while it is read",
            found="it was replaced",
            where=where,
            do="Run again once whoever writes the objects is done.",
        )
    if status in {404, 410}:
        raise SourceMissingError(
            "a bucket or an object", found=f"status {status}", where=where, do="Check its address."
        )
    if status in {400, 401, 403}:
        raise SourceError(
            "an answer to these credentials",
            found=f"status {status}",
            where=where,
            do="Check the source's access, and the secrets it names; without access the object "
            "store is asked as nobody.",
        )
    if 300 <= status < 400:
        region = response.headers.get("x-amz-bucket-region")
        raise SourceError(
            "an answer from the store itself",
            found=f"status {status}, which leads elsewhere"
            + (f": the bucket is in {region}" if region else ""),
            where=where,
            do="Set the region, or the endpoint, in the source's access.",
        )
    if status not in {200, 206}:
        raise SourceError("an answer", found=f"status {status}", where=where, do=_DO)


def asking(url: httpx.URL, parameters: Mapping[str, str]) -> httpx.URL:
    """An address with a query in the spelling that signatures are made over."""
    pairs = (f"{quote(n, safe='-_.~')}={quote(v, safe='-_.~')}" for n, v in parameters.items())
    return url.copy_with(query="&".join(pairs).encode())


def list_s3(requests: Requests, bucket: httpx.URL, prefix: str) -> Iterator[Object]:
    """The objects of a bucket that speaks S3's language, in pages, each once.

    Raises:
        SourceError: the listing cannot be had whole.
    """
    asked = {"list-type": "2", "max-keys": "1000", "prefix": prefix}

    def page(marker: str) -> tuple[list[Object], str]:
        more = {"continuation-token": marker} if marker else {}
        answer = _Listing(requests.listing(asking(bucket, {**asked, **more})), "Contents")
        following = answer.value("NextContinuationToken")
        if (answer.value("IsTruncated") == "true") != bool(following):
            raise DamagedError("a page that is cut, without a mark where it goes on, or reversed")
        found = [Object(o["Key"], int(o["Size"]), o["ETag"]) for o in answer.records]
        return found, following

    yield from _pages(page, requests, prefix)


def list_azure(requests: Requests, container: httpx.URL, prefix: str) -> Iterator[Object]:
    """The blobs of an Azure container, in pages, each once.

    Raises:
        SourceError: the listing cannot be had whole.
    """
    asked = {"restype": "container", "comp": "list", "prefix": prefix}

    def page(marker: str) -> tuple[list[Object], str]:
        more = {"marker": marker} if marker else {}
        answer = _Listing(requests.listing(asking(container, {**asked, **more})), "Blob")
        found = [
            Object(o["Name"], int(o["Content-Length"]), o["Etag"])
            for o in answer.records
            if o.get("ResourceType") != "directory"
        ]
        return found, answer.value("NextMarker")

    yield from _pages(page, requests, prefix)


def _pages(
    page: Callable[[str], tuple[list[Object], str]], requests: Requests, prefix: str
) -> Iterator[Object]:
    marker, markers, last = "", {""}, ""
    while True:
        try:
            found, marker = page(marker)
        except (DamagedError, expat.ExpatError, KeyError, ValueError) as error:
            raise _odd(requests, f"{type(error).__name__}: {error}") from error
        for one in found:
            if not one.key.startswith(prefix):
                raise _odd(requests, f"{one.key!r}, which was not asked for")
            if one.key.encode() <= last.encode():
                raise _odd(requests, f"{one.key!r} twice, or out of order")
            last = one.key
            yield one
        if not marker:
            return
        if marker in markers:
            raise _odd(requests, "a page that leads back to an earlier one")
        markers.add(marker)


def _odd(requests: Requests, found: str) -> SourceError:
    return SourceError(
        "a listing of each object, once and in order", found=found, where=requests.told, do=_DO
    )


class _Listing:
    """What a listing in XML says: of each record its values, and what stands beside them."""

    def __init__(self, content: bytes, record: str) -> None:
        self.records: list[dict[str, str]] = []
        self._beside: dict[str, str] = {}
        self._record = record
        self._inside = False
        self._text: list[str] = []
        self._encoded = False
        parser = parser_for(self._start, self._end, lambda text: self._text.append(text))
        parser.Parse(content, True)

    def value(self, name: str) -> str:
        """A value beside the records; empty where there is none."""
        return self._beside.get(name, "")

    def _start(self, tag: str, given: Any) -> None:
        self._text.clear()
        self._encoded = given.get("Encoded") == "true"
        if tag == self._record:
            self._inside = True
            self.records.append({})

    def _end(self, tag: str) -> None:
        if tag == self._record:
            self._inside = False
        content = "".join(self._text)
        target = self.records[-1] if self._inside else self._beside
        target.setdefault(tag, unquote(content) if self._encoded else content)
        self._text.clear()
