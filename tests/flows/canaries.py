"""Secrets that are planted and looked for everywhere afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import polars as pl

from tests.loopback import serving


@contextmanager
def serve_products(records: list[dict[str, Any]], token: str, works: bool) -> Iterator[str]:
    """An API behind a token; one that does not work repeats the token it was given."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = self.headers.get("Authorization", "")
            works_for_this = works and given == f"Bearer {token}"
            told = {"items": records, "next": None, "total": len(records)}
            body = json.dumps(told if works_for_this else {"error": f"refused {given}"}).encode()
            self.send_response(200 if works_for_this else 403, f"no {given}")
            self.send_header("Content-Type", "application/json")
            self.send_header("X-Given", given)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None: ...

    with serving(Handler) as address:
        yield f"{address}/products"


def found_in(folder: Path, value: str) -> list[str]:
    """The files of a folder that hold a value: in their name, their bytes, or a table's cells."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return [str(path) for path in files if value in path.name or _holds(path, value)]


def _holds(path: Path, value: str) -> bool:
    if value.encode() in path.read_bytes():
        return True
    return path.suffix == ".parquet" and _tells(pl.read_parquet(path), value)


def _tells(table: pl.DataFrame, value: str) -> bool:
    return any(value in repr(row) for row in table.iter_rows())
