"""An API on loopback for measurements: pages made beforehand, each sent after a fixed delay.

`python tests/bench/http_server.py PAGES RECORDS DELAY_SECONDS` prints its port and serves until it
is ended. It does nothing but send bytes, so that it is not what is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

SCHEMA = {
    "id": "i64",
    "sku": "str",
    "name": "str",
    "quantity": "i32",
    "price": "f64",
    "active": "bool",
    "updated_at": "datetime",
}


def record(number: int) -> dict[str, Any]:
    """One record, as a shop's API has them."""
    hour, minute, second = number // 3600 % 24, number // 60 % 60, number % 60
    return {
        "id": number,
        "sku": f"SKU-{number % 9973:05d}",
        "name": f"product number {number % 5003}",
        "quantity": number % 97,
        "price": number % 100_000 / 100,
        "active": number % 3 == 0,
        "updated_at": f"2010-01-04T{hour:02d}:{minute:02d}:{second:02d}",
    }


def answer(page: int, pages: int, size: int) -> bytes:
    """The whole answer for a page, numbered from 1."""
    records = [record(number) for number in range((page - 1) * size, min(page, pages) * size)]
    body = json.dumps({"items": records, "total": pages * size}).encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection(asyncio.Protocol):
    """Answers `GET …page=N…`, one request after the other."""

    def __init__(self, answers: list[bytes], delay_seconds: float) -> None:
        self._answers, self._delay_seconds = answers, delay_seconds
        self._transport: asyncio.Transport | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, self._received = self._received.split(b"\r\n\r\n", 1)
            address = head.split(b" ", 2)[1]
            page = int(address.split(b"page=")[1].split(b"&")[0])
            send = self._answers[min(page, len(self._answers)) - 1]
            loop = asyncio.get_running_loop()
            loop.call_later(self._delay_seconds, self._transport.write, send)


async def serve(pages: int, size: int, delay_seconds: float) -> None:
    """Serve until cancelled."""
    answers = [answer(page, pages, size) for page in range(1, pages + 2)]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(answers, delay_seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
