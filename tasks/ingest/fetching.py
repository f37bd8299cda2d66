"""Fetch one page: with credentials, retries, limits and a deadline, and from one host only."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import stamina
from pydantic import SecretStr

from tasks.core.errors import ConfigError, SourceError, SourceMissingError, SourceUnavailableError
from tasks.ingest.credentials import TokenSource, credentials
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.json_text import read_json
from tasks.ingest.pinned import PinnedClient
from tasks.ingest.templates import expand, expand_date, expand_url, is_telling, redact

_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_MAX_REDIRECTS = 5
_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 30.0
_DO = "Nothing of it was taken. Run again later; if it stays so, ask who runs the API."


@dataclass(frozen=True, slots=True)
class Page:
    """An answer.

    Args:
        url: where it came from.
        shown: the same, without secrets.
        content: its JSON.
        links: its Link header, by relation.
    """

    url: httpx.URL
    shown: str
    content: Any
    links: Mapping[str | None, Mapping[str, str]]


class _FlawError(Exception):
    """Something that may go away when the page is asked for again."""

    def __init__(self, found: str, wait_seconds: float | None = None) -> None:
        super().__init__(found)
        self.wait_seconds = wait_seconds


class Pace:
    """Lets requests pass, so many a second at most.

    Args:
        per_second: how many; None for any number.
    """

    def __init__(self, per_second: float | None) -> None:
        self._gap_seconds = 1 / per_second if per_second else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait for one's turn."""
        if not self._gap_seconds:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._gap_seconds
        time.sleep(turn - now)


class Fetcher:
    """Fetches pages of one source.

    Args:
        client: with the source's headers and credentials.
        source: its declaration.
        start: address of the first page.
        secrets: what must not be shown.
        token: gives tokens, where the source's credentials are exchanged for one.
    """

    def __init__(
        self,
        client: PinnedClient,
        source: HttpConfig,
        start: httpx.URL,
        secrets: Mapping[str, SecretStr],
        token: TokenSource | None = None,
    ) -> None:
        self._client, self._source, self._secrets = client, source, secrets
        self._token = token
        self._renewed = False
        self._pace = Pace(source.per_second)
        self._ends = time.monotonic() + source.deadline.total_seconds()
        self.start = start

    def fetch(self, url: httpx.URL) -> Page:
        """Fetch a page, asking again after a flaw.

        Raises:
            SourceMissingError: there is nothing at the address.
            SourceUnavailableError: every attempt failed, or the deadline is over.
            SourceError: the answer is a refusal, or leads to another host.
        """
        shown = show_url(url, self._secrets)
        try:
            for attempt in stamina.retry_context(
                on=_wait_for,
                attempts=self._source.attempts,
                timeout=max(0.0, self._ends - time.monotonic()),
                wait_initial=_FIRST_WAIT_SECONDS,
                wait_max=_LONGEST_WAIT_SECONDS,
                wait_jitter=_FIRST_WAIT_SECONDS,
            ):
                with attempt:
                    return self._attempt(url, shown)
        except _FlawError as flaw:
            raise SourceUnavailableError(
                "a whole answer in JSON", found=str(flaw), where=shown, do=_DO
            ) from None
        raise AssertionError("stamina gives at least one attempt")

    def _attempt(self, url: httpx.URL, shown: str) -> Page:
        for _ in range(_MAX_REDIRECTS + 1):
            self._pace.wait()
            try:
                headers = self._token.header(self._client) if self._token else {}
                with self._client.stream("GET", url, headers=headers) as response:
                    if not response.is_redirect:
                        content = self._body(response, shown)
                        return Page(url, shown, content, response.links)
                    following = url.join(response.headers["location"])
            except (httpx.TransportError, httpx.DecodingError) as error:
                raise _FlawError(_told(error, self._secrets)) from None
            if not same_origin(following, url):
                raise SourceError(
                    f"answers from {url.host}",
                    found=f"a redirect to {show_url(following, self._secrets)}",
                    where=shown,
                    do="If the API has moved, change the source's url.",
                )
            url = following
        raise SourceError(f"at most {_MAX_REDIRECTS} redirects", found="more", where=shown, do=_DO)

    def _body(self, response: httpx.Response, shown: str) -> Any:
        self._check_status(response, shown)
        content = bytearray()
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > self._source.max_page_bytes:
                raise SourceError(
                    f"a page of at most {self._source.max_page_bytes} bytes",
                    found="a larger one",
                    where=shown,
                    do="Ask for smaller pages, or raise max_page_bytes.",
                )
            if time.monotonic() > self._ends:
                raise _FlawError("the deadline was over before the end of the answer")
        try:
            return read_json(bytes(content))
        except ValueError as error:
            raise _FlawError(f"not JSON: {error}") from None

    def _check_status(self, response: httpx.Response, shown: str) -> None:
        status = response.status_code
        if status in _RETRIED:
            wait_seconds = _retry_after(response)
            if wait_seconds is not None and wait_seconds > self._ends - time.monotonic():
                raise SourceUnavailableError(
                    "an answer before the deadline",
                    found=f"status {status}, and to be asked again after {wait_seconds:.0f} s",
                    where=shown,
                    do="Run again after that, or raise the source's deadline.",
                )
            raise _FlawError(f"status {status}", wait_seconds)
        if status in {404, 410}:
            raise SourceMissingError(
                "an answer", found=f"status {status}", where=shown, do="Check the source's url."
            )
        if status == httpx.codes.UNAUTHORIZED and self._token and not self._renewed:
            self._renewed = True
            self._token.forget()
            raise _FlawError(f"status {status}", wait_seconds=0.0)
        if status in {401, 403}:
            raise SourceError(
                "an answer to these credentials",
                found=f"status {status}",
                where=shown,
                do="Check the source's auth and the secrets it names.",
            )
        if not response.is_success:
            raise SourceError("an answer", found=f"status {status}", where=shown, do=_DO)


@contextlib.contextmanager
def open_fetcher(
    source: HttpConfig, secrets: Mapping[str, SecretStr], date: dt.date, where: str
) -> Iterator[Fetcher]:
    """A fetcher whose connections stay open while the block runs.

    Raises:
        ConfigError: the address is none, or a secret was not given.
    """
    start = _start(source, secrets, date, where)
    headers = {name: expand(v, secrets, f"{where}.headers") for name, v in source.headers.items()}
    sent = None
    if source.auth:
        sent = credentials(source.auth, secrets, headers, f"{where}.auth")
    token = None
    if source.auth and source.auth.oauth2:
        token = TokenSource(source.auth.oauth2, secrets, f"{where}.auth.oauth2")
    with (
        _quiet_log(secrets),
        httpx.Client(
            headers=headers,
            auth=sent,
            timeout=source.timeout.total_seconds(),
            follow_redirects=False,
            trust_env=False,
        ) as client,
    ):
        pinned = PinnedClient(client, source.allow_private)
        yield Fetcher(pinned, source, start, secrets, token)


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether two addresses are of one scheme, host and port."""
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)


def show_url(url: httpx.URL, secrets: Mapping[str, SecretStr]) -> str:
    """An address without user, password and telling query parameters."""
    params = [(name, value) for name, value in url.params.multi_items() if not is_telling(name)]
    plain = url.copy_with(username=None, password=None, query=None, fragment=None)
    return redact(str(plain.copy_with(params=params) if params else plain), secrets)


def _start(
    source: HttpConfig, secrets: Mapping[str, SecretStr], date: dt.date, where: str
) -> httpx.URL:
    text = expand_url(expand_date(source.url, date), secrets, f"{where}.url")
    params = {
        name: expand(expand_date(value, date), secrets, f"{where}.params.{name}")
        for name, value in source.params.items()
    }
    key = source.auth.api_key if source.auth else None
    if key and key.query:
        params[key.query] = expand(key.value, secrets, f"{where}.auth.api_key")
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConfigError(
            "an address that begins with https:// or http://",
            found="another text",
            where=f"{where}.url",
            do="Write the address of the API's first page.",
        )
    return url.copy_merge_params(params) if params else url


def _wait_for(error: Exception) -> bool | float:
    """How stamina goes on after an error: not at all, as it sees fit, or after some seconds."""
    if not isinstance(error, _FlawError):
        return False
    return True if error.wait_seconds is None else error.wait_seconds


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds the server asks to wait; a moment it names is counted from its own clock."""
    asked = response.headers.get("retry-after", "").strip()
    if asked.isdecimal():
        return float(asked)
    with contextlib.suppress(ValueError):
        moment = parsedate_to_datetime(asked)
        now = parsedate_to_datetime(response.headers.get("date", ""))
        return max(0.0, (moment - now).total_seconds())
    return None


def _told(error: Exception, secrets: Mapping[str, SecretStr]) -> str:
    return redact(f"{type(error).__name__}: {error}".rstrip(": "), secrets)


@contextlib.contextmanager
def _quiet_log(secrets: Mapping[str, SecretStr]) -> Iterator[None]:
    """Have httpx log addresses without secrets while the block runs."""

    def clean(record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                show_url(arg, secrets) if isinstance(arg, httpx.URL) else arg for arg in record.args
            )
        return True

    logger = logging.getLogger("httpx")
    logger.addFilter(clean)
    try:
        yield
    finally:
        logger.removeFilter(clean)
