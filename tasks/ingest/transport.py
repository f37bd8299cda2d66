"""Send requests over kept-open connections of our own opening, one after the other on each."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import httpcore
import httpx

from tasks.ingest.flaws import FlawError
from tasks.ingest.wire import WatchedStream

_FAILED = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer, and its body still to be read.

    Args:
        url: where it came from.
        status: its status.
        headers: its headers.
        chunks: the body as it comes over the wire; FlawError where it does not.
        wire: the connection it comes by.
    """

    url: httpx.URL
    status: int
    headers: httpx.Headers
    chunks: Iterator[bytes]
    wire: WatchedStream


class Transport:
    """HTTP/1.1 and nothing around it: no proxies, no redirects, no cookies, no environment.

    Args:
        network: what opens connections.
        connections: how many at most.
        timeout_seconds: longest wait for a connection or for more bytes.
        trust: the authorities whose certificates are taken; the public ones where empty.
    """

    def __init__(
        self,
        network: httpcore.NetworkBackend,
        connections: int,
        timeout_seconds: float,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        waits = dict.fromkeys(("connect", "read", "write"), timeout_seconds)
        self._extensions = {"timeout": waits}
        self._pool = httpcore.ConnectionPool(
            ssl_context=trust,
            max_connections=connections,
            max_keepalive_connections=connections,
            network_backend=network,
        )

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.close()

    @contextlib.contextmanager
    def stream(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes | None = None
    ) -> Iterator[Answer]:
        """Send a request; its connection is free again, or closed, when the block ends.

        Raises:
            FlawError: it failed. The error has no context, which would hold the request.
            SourceError: the address is a private one.
        """
        whole: dict[bytes | str, bytes | str] = {"Host": url.netloc}
        whole.update(headers.items())
        if content is not None:
            whole["Content-Length"] = str(len(content))
        request = httpcore.Request(
            method,
            httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=whole,
            content=content,
            extensions=self._extensions,
        )
        with _named():
            response = self._pool.handle_request(request)
        try:
            yield Answer(
                url,
                response.status,
                httpx.Headers(response.headers),
                _chunks(response),
                cast(WatchedStream, response.extensions["network_stream"]),
            )
        finally:
            response.close()


def _chunks(response: httpcore.Response) -> Iterator[bytes]:
    with _named():
        yield from response.iter_stream()


@contextlib.contextmanager
def _named() -> Iterator[None]:
    """Have failures come as flaws, with nothing behind them."""
    try:
        yield
        return
    except httpcore.LocalProtocolError:
        found = "a request that HTTP cannot write: a header has a character it may not"
    except _FAILED as error:
        found = f"{type(error).__name__}: {error}".rstrip(": ")
    raise FlawError(found)
