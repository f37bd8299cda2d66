"""Fetch one page: with credentials, retries, limits and a deadline, and from one host only."""

from __future__ import annotations

import contextlib
import datetime as dt
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import stamina
from pydantic import SecretStr

from tasks.core.errors import ConfigError, SourceError, SourceUnavailableError
from tasks.ingest.asking import Ask, Start, join, same_origin, show_url, start
from tasks.ingest.content_coding import ACCEPTED
from tasks.ingest.credentials import TokenSource, basic, credentials
from tasks.ingest.flaws import FlawError
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.incremental import Watermark
from tasks.ingest.json_text import MISSING
from tasks.ingest.link_header import next_link
from tasks.ingest.pace import Pace
from tasks.ingest.pinned import PinnedNetwork
from tasks.ingest.receiving import LINES, UNCHANGED, Body, receive
from tasks.ingest.statuses import TRY_AGAIN, check_status, is_passing, redirect, retry_after
from tasks.ingest.templates import expand, redact
from tasks.ingest.transport import Answer, Transport
from tasks.ingest.wire import Deadline

_MAX_REDIRECTS = 5
_FIRST_WAIT_SECONDS = 0.2
_SHORTEST_SECONDS = 0.001
_LONGEST_WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Page:
    """An answer.

    Args:
        url: where it came from.
        shown: its name, without secrets.
        body: what it holds.
        headers: its headers.
    """

    url: httpx.URL
    shown: str
    body: Body
    headers: httpx.Headers

    @property
    def next_link(self) -> str | None:
        """The address that its Link header names as the next page's.

        Raises:
            ValueError: what it names cannot be told.
        """
        return next_link(self.headers)

    def at(self, pointer: str) -> object:
        """What a JSON pointer leads to in it; MISSING where there is nothing."""
        return self.body.document.at(pointer) if self.body.document else MISSING


class Fetcher:
    """Fetches pages of one source.

    Args:
        transport: what sends.
        headers: those of every request, credentials among them.
        source: its declaration.
        start: the first page's request.
        secrets: what must not be shown.
        deadline: when all of it ends.
        folder: where bodies may lie until they are read.
        token: gives tokens, where the source's credentials are exchanged for one.
    """

    def __init__(
        self,
        transport: Transport,
        headers: Mapping[str, str],
        source: HttpConfig,
        start: Start,
        secrets: Mapping[str, SecretStr],
        deadline: Deadline,
        folder: Path,
        token: TokenSource | None = None,
    ) -> None:
        self._transport, self._headers = transport, headers
        self._source, self._secrets = source, secrets
        self._deadline, self._folder, self._token = deadline, folder, token
        self._renewed: set[Ask] = set()
        self._pace = Pace(source.per_second, deadline)
        self.start = start

    def stop(self) -> None:
        """Let every request that is under way end, and none begin."""
        self._deadline.end()

    def fetch(self, ask: Ask, condition: Mapping[str, str] | None = None) -> Page:
        """Fetch a page, asking again after a flaw.

        Args:
            ask: its request.
            condition: a header that asks for it only if it has changed; if it has not, the page's
                body has the format `unchanged`.

        Raises:
            SourceMissingError: there is nothing at the address.
            SourceUnavailableError: every attempt failed, or the deadline is over.
            SourceError: the answer is a refusal, or leads to another host.
        """
        shown, found = ask.shown(self._secrets), ""
        try:
            for attempt in stamina.retry_context(
                on=_again,
                attempts=self._source.attempts,
                timeout=max(_SHORTEST_SECONDS, self._deadline.left),
                wait_initial=_FIRST_WAIT_SECONDS,
                wait_max=_LONGEST_WAIT_SECONDS,
                wait_jitter=_FIRST_WAIT_SECONDS,
            ):
                with attempt:
                    return self._attempt(ask, shown, condition or {})
        except FlawError as flaw:
            found = str(flaw)
        raise SourceUnavailableError("a whole answer", found=found, where=shown, do=TRY_AGAIN)

    def check_quiet(self, last: Page) -> None:
        """Hold that nothing came later than the end of an answer that only its length told.

        Raises:
            SourceError: something did.
        """
        if last.body.format in LINES and not self._source.has_total and self._deadline.has_stray():
            raise SourceError(
                "nothing behind the end of an answer",
                found="bytes that came later: its length was told too short",
                where=last.shown,
                do=TRY_AGAIN,
            )

    def _attempt(self, ask: Ask, shown: str, condition: Mapping[str, str]) -> Page:
        url = ask.url
        for _ in range(_MAX_REDIRECTS + 1):
            self._pace.wait()
            if self._deadline.is_over:
                raise SourceUnavailableError(
                    "every page before the deadline",
                    found="the deadline is over",
                    where=shown,
                    do="Raise the source's deadline or its concurrency, or ask for larger pages.",
                )
            answer = self._send(ask, url, shown, condition)
            if isinstance(answer, Page):
                return answer
            url = self._follow(answer, url, shown)
        raise SourceError(
            f"at most {_MAX_REDIRECTS} redirects", found="more", where=shown, do=TRY_AGAIN
        )

    def _send(
        self, ask: Ask, url: httpx.URL, shown: str, condition: Mapping[str, str]
    ) -> Page | str:
        """The page, or where it is said to be."""
        method = self._source.method
        try:
            token = self._token.header() if self._token else {}
            headers = {**self._headers, **token, **condition}
            with self._transport.stream(method.upper(), url, headers, ask.body) as answer:
                location = redirect(answer.status, answer.headers, method)
                if location is not None:
                    return location
                if condition and answer.status == httpx.codes.NOT_MODIFIED:
                    body = Body(UNCHANGED)
                else:
                    self._check(answer, ask, shown, token)
                    body = receive(answer, self._source, shown, self._folder)
                return Page(url, shown, body, answer.headers)
        except FlawError as flaw:
            flaw.tell(redact(str(flaw), self._secrets))
            raise

    def _follow(self, location: str, url: httpx.URL, shown: str) -> httpx.URL:
        following = join(url, location)
        if following is None or not same_origin(following, url):
            to = show_url(following, self._secrets) if following else "no address"
            raise SourceError(
                f"answers from {url.host}",
                found=f"a redirect to {to}",
                where=shown,
                do="If the API has moved, change the source's url.",
            )
        return following

    def _check(self, answer: Answer, ask: Ask, shown: str, token: Mapping[str, str]) -> None:
        status = answer.status
        if is_passing(status):
            raise self._later(answer, shown)
        if status == httpx.codes.UNAUTHORIZED and self._token and ask not in self._renewed:
            self._renewed.add(ask)
            self._token.forget(token)
            raise FlawError(f"status {status}", held=True)
        check_status(status, shown)

    def _later(self, answer: Answer, shown: str) -> Exception:
        found, wait_seconds = f"status {answer.status}", retry_after(answer.headers)
        if wait_seconds is None:
            return FlawError(found)
        if wait_seconds > self._deadline.left:
            return SourceUnavailableError(
                "an answer before the deadline",
                found=f"{found}, and to be asked again after {wait_seconds:.0f} s",
                where=shown,
                do="Run again after that, or raise the source's deadline.",
            )
        self._pace.hold(wait_seconds)
        return FlawError(found, held=True)


@contextlib.contextmanager
def open_fetcher(
    source: HttpConfig,
    secrets: Mapping[str, SecretStr],
    date: dt.date,
    where: str,
    pipeline_folder: Path,
    watermark: Watermark | None = None,
) -> Iterator[Fetcher]:
    """A fetcher whose connections stay open while the block runs.

    Raises:
        ConfigError: the address or a header is none, or a secret was not given.
    """
    first = start(source, secrets, date, where, watermark)
    headers = _headers(source, first.url, secrets, where)
    deadline = Deadline(source.deadline.total_seconds())
    network = PinnedNetwork(source.allow_private, deadline)
    trust = _trust(source, pipeline_folder, where)
    with (
        tempfile.TemporaryDirectory(prefix="lamplighter-") as folder,
        Transport(
            network, source.concurrency + 1, source.timeout.total_seconds(), trust
        ) as transport,
    ):
        token = None
        if source.auth and source.auth.oauth2:
            token = TokenSource(source.auth.oauth2, secrets, f"{where}.auth.oauth2", transport)
        yield Fetcher(transport, headers, source, first, secrets, deadline, Path(folder), token)


def _headers(
    source: HttpConfig, url: httpx.URL, secrets: Mapping[str, SecretStr], where: str
) -> Mapping[str, str]:
    """The headers of every request."""
    own = {n.lower(): expand(v, secrets, f"{where}.headers") for n, v in source.headers.items()}
    posted = {"content-type": "application/json"} if source.method == "post" else {}
    sent = basic(url.username, url.password) if url.userinfo else {}
    if source.auth:
        sent = credentials(source.auth, secrets, f"{where}.auth")
    headers = {
        "accept": "*/*",
        "user-agent": "lamplighter",
        **posted,
        **own,
        **{name.lower(): value for name, value in sent.items()},
        "accept-encoding": ACCEPTED,
    }
    _check_headers(headers, where)
    return headers


def _trust(source: HttpConfig, folder: Path, where: str) -> ssl.SSLContext | None:
    if source.ca_bundle is None:
        return None
    trust = httpx.create_ssl_context(trust_env=False)
    try:
        trust.load_verify_locations(folder / source.ca_bundle)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            "a file with certificates in PEM",
            found=error.strerror or type(error).__name__,
            where=f"{where}.ca_bundle",
            do="Check the path, from the pipeline file's folder, and what the file holds.",
        ) from None
    return trust


def _check_headers(headers: Mapping[str, str], where: str) -> None:
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable() and value == value.strip()):
            raise ConfigError(
                f"a value of printable ASCII for the header {name}, without spaces around it",
                found="another",
                where=where,
                do="Check the secret it is filled with: often a newline stands at its end.",
            )


def _again(error: Exception) -> bool | float:
    """How stamina goes on after an error: not at all, as it sees fit, or at once."""
    if not isinstance(error, FlawError):
        return False
    return 0.0 if error.held else True
