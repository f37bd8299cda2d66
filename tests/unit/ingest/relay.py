"""A relay on loopback before a PostgreSQL socket, which cuts or stalls what the server sends."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

_CHUNK = 8192
_RESET = struct.pack("ii", 1, 0)


@dataclass
class Relay:
    """The running relay.

    Args:
        url: its address.
        cut_after: bytes from the server after which every connection is cut, once; None is never.
        stall_after: bytes from the server after which it passes nothing on; None is never.
        passed: bytes from the server so far.
    """

    url: str
    cut_after: int | None = None
    stall_after: int | None = None
    passed: int = 0
    _open: list[socket.socket] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reset(self, cut_after: int | None = None, stall_after: int | None = None) -> None:
        """Begin to count anew."""
        with self._lock:
            self.cut_after, self.stall_after, self.passed = cut_after, stall_after, 0

    def _join(self, client: socket.socket, path: str) -> None:
        server = socket.socket(socket.AF_UNIX)
        server.connect(path)
        with self._lock:
            self._open += [client, server]
        for source, sink in ((client, server), (server, client)):
            threading.Thread(
                target=self._pass, args=(source, sink, source is server), daemon=True
            ).start()

    def _pass(self, source: socket.socket, sink: socket.socket, counts: bool) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK):
                sink.sendall(self._allowed(chunk) if counts else chunk)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _allowed(self, chunk: bytes) -> bytes:
        with self._lock:
            before, self.passed = self.passed, self.passed + len(chunk)
            if self.stall_after is not None and self.passed > self.stall_after:
                return chunk[: max(0, self.stall_after - before)]
            if self.cut_after is None or self.passed < self.cut_after:
                return chunk
            self.cut_after = None
            for connection in self._open:  # as a crash does: without a word
                with contextlib.suppress(OSError):
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    connection.shutdown(socket.SHUT_RDWR)
                    connection.close()
            self._open.clear()
            raise ConnectionResetError


@contextlib.contextmanager
def relay(uri: str) -> Iterator[Relay]:
    """Run a relay before the server of an address `postgresql://postgres:@/postgres?host=…`."""
    folder = parse_qs(urlsplit(uri).query)["host"][0]
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    running = Relay(f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable")

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                running._join(client, f"{folder}/.s.PGSQL.5432")

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield running
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
