"""Carry httpx's requests over connections of our own opening."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from types import TracebackType

import httpcore
import httpx

_KINDS: dict[type[Exception], type[httpx.TransportError]] = {
    httpcore.TimeoutException: httpx.ReadTimeout,
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.NetworkError: httpx.NetworkError,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
    httpcore.ProtocolError: httpx.RemoteProtocolError,
    httpcore.UnsupportedProtocol: httpx.UnsupportedProtocol,
}


class Transport(httpx.BaseTransport):
    """HTTP/1.1 over kept-open connections, without proxies.

    Args:
        network: what opens connections.
        connections: how many at most.
        trust: the authorities whose certificates are taken.
    """

    def __init__(
        self, network: httpcore.NetworkBackend, connections: int, trust: ssl.SSLContext | None
    ) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=trust,
            max_connections=connections,
            max_keepalive_connections=connections,
            network_backend=network,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request.

        Raises:
            httpx.TransportError: it failed.
        """
        assert isinstance(request.stream, httpx.SyncByteStream)
        url = request.url
        with _as_httpx():
            answer = self._pool.handle_request(
                httpcore.Request(
                    request.method,
                    httpcore.URL(
                        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Stream(answer),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self.close()


class _Stream(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


@contextlib.contextmanager
def _as_httpx() -> Iterator[None]:
    """Have errors come as httpx's own."""
    found: Exception | None = None
    try:
        yield
    except tuple(_KINDS) as error:
        found = error
    if found is not None:
        kind = next(kind for core, kind in _KINDS.items() if isinstance(found, core))
        raise kind(str(found))
