"""The demo's product API: paginated JSON on loopback, behind a bearer token."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "demo-token"
_PAGE_RECORDS = 500


@contextmanager
def serve_products(products: Path) -> Iterator[str]:
    """Serve a product list while the block runs.

    Args:
        products: a JSON file with a list of objects.

    Yields:
        The address of the first page, on 127.0.0.1 and a free port.
    """
    handler = _handler(json.loads(products.read_text()))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/products"
        finally:
            server.shutdown()


def _handler(records: list[dict[str, Any]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._answer(401, {"error": "a bearer token is required"})
            elif address.path != "/products":
                self._answer(404, {"error": "no such resource"})
            else:
                cursor = parse_qs(address.query).get("cursor", ["0"])[0]
                start = int(cursor) if cursor.isdecimal() else 0
                end = start + _PAGE_RECORDS
                self._answer(
                    200,
                    {
                        "items": records[start:end],
                        "next": str(end) if end < len(records) else None,
                        "total": len(records),
                    },
                )

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent: the pipeline itself says what it fetched."""

    return Handler
