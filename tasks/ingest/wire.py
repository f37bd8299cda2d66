"""Network streams that end with a deadline, and that notice bytes behind an answer's end."""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import ssl
import threading
import time
import weakref
from typing import Any

import httpcore

from tasks.ingest.framing import Framing, framing_of

_HEAD_END = b"\r\n\r\n"
_INTERIM = re.compile(rb"HTTP/1\.[01] 1\d\d")
_ANSWER = b"HTTP/"  # some servers say so that they close a connection that nobody uses
_GRACE_SECONDS = 0.05


class Deadline:
    """A moment after which nothing is waited for any more.

    Args:
        seconds: until then.
    """

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._ended = threading.Event()
        self.was_late = False  # whether a connection that is gone had bytes behind an answer
        self._streams: weakref.WeakSet[WatchedStream] = weakref.WeakSet()
        self._lock = threading.Lock()

    @property
    def left(self) -> float:
        """Seconds until then; negative afterwards."""
        return self._ends - time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether it has passed."""
        return self.left <= 0

    def end(self) -> None:
        """Let it be now, for what waits for bytes too."""
        self._ends = time.monotonic()
        self._ended.set()
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            stream.abort()

    def watch(self, stream: WatchedStream) -> None:
        """Have a connection end with the deadline."""
        with self._lock:
            self._streams.add(stream)

    def has_stray(self) -> bool:
        """Whether bytes came on any connection behind the end of its last answer."""
        self.wait(_GRACE_SECONDS)
        with self._lock:
            streams = list(self._streams)
        return self.was_late or any(stream.has_stray() for stream in streams)

    def wait(self, seconds: float) -> None:
        """Let some time pass, or all that is left."""
        self._ended.wait(max(0.0, min(seconds, self.left)))

    def cap(self, timeout: float | None) -> float:
        """A wait that is not longer than what is left.

        Raises:
            httpcore.ReadTimeout: nothing is left.
        """
        left = self.left
        if left <= 0:
            raise httpcore.ReadTimeout("the deadline is over")
        return left if timeout is None else min(timeout, left)


class WatchedStream(httpcore.NetworkStream):
    """A connection whose every wait ends with the deadline, however little comes at a time.

    It follows what came since the last request, so that bytes behind the end of an answer, which an
    HTTP client passes over in silence, are noticed: its length was told too short.

    Args:
        inner: the connection.
        deadline: when waiting ends.
    """

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner, self._deadline = inner, deadline
        self._begin()
        deadline.watch(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        content = self._inner.read(max_bytes, self._deadline.cap(timeout))
        if not self._in_body:
            self._read_head(content)
        elif self._framing:
            self._framing.add(content)
        return content

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._begin()
        self._inner.write(buffer, self._deadline.cap(timeout))

    def close(self) -> None:
        if self._framing and self._framing.is_over and not self._deadline.is_over:
            self._deadline.was_late |= self._has_waiting(_GRACE_SECONDS)
        self._inner.close()

    def abort(self) -> None:
        """End the connection, so that who waits for bytes of it waits no longer."""
        plain = self._inner.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):
            plain.shutdown(socket.SHUT_RDWR)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> WatchedStream:
        secure = self._inner.start_tls(ssl_context, server_hostname, self._deadline.cap(timeout))
        return WatchedStream(secure, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        found = self._inner.get_extra_info(info)
        if info == "is_readable" and found:  # the connection will not be used again
            self._deadline.was_late |= self._has_waiting()
        return found

    def has_more(self) -> bool:
        """Whether more came than the content of the last answer, which was read to its end.

        It would be taken for the answer to the next request, so that the connection is ended.
        """
        self._is_judged = True
        if not self._framing:
            return False
        has_more = self._framing.has_more or self._has_waiting()
        if has_more:
            self.abort()
        return has_more

    def has_stray(self) -> bool:
        """Whether something came after that was asked."""
        return self._is_judged and self._has_waiting()

    def _begin(self) -> None:
        self._head, self._in_body, self._is_judged = b"", False, False
        self._framing: Framing | None = None

    def _read_head(self, content: bytes) -> None:
        self._head += content
        while not self._in_body and _HEAD_END in self._head:
            head, rest = self._head.split(_HEAD_END, 1)
            if _INTERIM.match(head):
                self._head = rest
            else:
                self._in_body, self._head = True, b""
                self._framing = framing_of(head)
                if self._framing:
                    self._framing.add(rest)

    def _has_waiting(self, patience_seconds: float = 0.0) -> bool:
        """Whether bytes wait to be read; the end of the connection is none."""
        plain = self._inner.get_extra_info("socket")
        if isinstance(plain, ssl.SSLSocket):
            return False
        with contextlib.suppress(OSError, ValueError):
            with selectors.DefaultSelector() as selector:
                selector.register(plain, selectors.EVENT_READ)
                if not selector.select(patience_seconds):
                    return False
            found = plain.recv(len(_ANSWER), socket.MSG_PEEK)
            return bool(found) and found != _ANSWER
        return False
