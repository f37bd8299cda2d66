"""A JSON API on loopback that answers as it is told, badly if need be."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    """What was asked."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""


@dataclass
class Answer:
    """What is answered.

    Args:
        content: sent as JSON; bytes are sent as they are.
        status: the status.
        headers: more headers.
        length: the Content-Length to claim; None for the true one.
        drop_after: bytes after which the connection is cut.
        wire: all that is sent, status line and headers too, before the connection is closed; as
            one, or in pieces.
        drip_seconds: the pause after each byte of the body, or of the wire, or after its pieces.
    """

    content: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    drop_after: int | None = None
    wire: bytes | list[bytes] | None = None
    drip_seconds: float | None = None


Script = Callable[[Request], Answer]


@dataclass
class Api:
    """The running API: set `script` to say what it answers; `asked` is what it was asked."""

    url: str
    script: Script = lambda _: Answer([])
    asked: list[Request] = field(default_factory=list)


def drip(sink: BinaryIO, content: bytes | list[bytes], pause_seconds: float | None) -> None:
    """Send pieces, or bytes one by one, with a pause between them, while somebody listens."""
    with contextlib.suppress(OSError):
        if pause_seconds is None:
            sink.write(content if isinstance(content, bytes) else b"".join(content))
            return
        for index in range(len(content)):
            sink.write(content[index] if isinstance(content, list) else content[index : index + 1])
            time.sleep(pause_seconds)


@contextmanager
def serve(host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Api]:
    """Run the API while the block runs, over TLS where there is a context for it."""
    api = Api("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.answer(self.rfile.read(int(self.headers["Content-Length"])))

        def do_GET(self) -> None:
            self.answer(b"")

        def answer(self, asked: bytes) -> None:
            address = urlsplit(self.path)
            params = {k: v[0] for k, v in parse_qs(address.query, keep_blank_values=True).items()}
            named = {name.title(): value for name, value in self.headers.items()}
            request = Request(address.path, params, named, asked)
            api.asked.append(request)
            answer = api.script(request)
            if answer.wire is not None:
                self.close_connection = True
                drip(self.wfile, answer.wire, answer.drip_seconds)
                return
            plain = isinstance(answer.content, bytes)
            body = answer.content if plain else json.dumps(answer.content).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            length = len(body) if answer.length is None else answer.length
            self.send_header("Content-Length", str(length))
            self.end_headers()
            drip(self.wfile, body[: answer.drop_after], answer.drip_seconds)
            if answer.drop_after is not None or length != len(body):
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    with ThreadingHTTPServer((host, 0), Handler) as server:
        server.daemon_threads = True
        api.url = f"{'https' if tls else 'http'}://{host}:{server.server_port}"
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield api
        finally:
            server.shutdown()
