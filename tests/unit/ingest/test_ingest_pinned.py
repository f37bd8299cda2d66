"""Requests go to the address a name had first, and to no private one unasked."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import httpcore
import httpx
import pytest

from tasks.core.errors import SourceError
from tasks.ingest.flaws import FlawError
from tasks.ingest.pinned import PinnedNetwork, is_public
from tasks.ingest.transport import Transport
from tasks.ingest.wire import Deadline


class Names:
    """A resolver whose answers change, as an attacker's would; it remembers what was asked."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        found = self._answers.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]


class Network(httpcore.MockBackend):
    """Connections that answer; it remembers where they went, and refuses some addresses."""

    def __init__(self, *down: str) -> None:
        super().__init__([])
        self._down = down
        self.connected: list[str] = []

    def connect_tcp(self, host: str, *rest: Any, **more: Any) -> httpcore.NetworkStream:
        self.connected.append(host)
        if host in self._down:
            raise httpcore.ConnectError("refused")
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
        return httpcore.MockStream([answer])


def _client(network: Network, names: Names, allow_private: bool = False) -> Transport:
    return Transport(PinnedNetwork(allow_private, Deadline(10), network, names), 4, 10.0)


def _get(client: Transport, url: str) -> int:
    with client.stream("GET", httpx.URL(url), {}) as answer:
        return answer.status


def test_a_name_is_resolved_once_and_stays_where_it_was() -> None:
    network, names = Network(), Names(["93.184.216.34"], ["10.0.0.1"])
    client = _client(network, names)
    for _ in range(3):
        assert _get(client, "https://shop.example/items?a=1") == 200
    assert names.asked == ["shop.example"]
    assert network.connected == ["93.184.216.34"] * 3


@pytest.mark.parametrize("answer", [["10.0.0.1"], ["93.184.216.34", "127.0.0.1"]])
def test_a_name_with_a_private_address_needs_leave(answer: list[str]) -> None:
    network = Network()
    with pytest.raises(SourceError, match="allow_private"):
        _get(_client(network, Names(answer)), "http://shop.example/")
    assert network.connected == []
    assert _get(_client(network, Names(answer), allow_private=True), "http://shop.example/") == 200


def test_after_a_refused_connection_the_next_address_has_its_turn() -> None:
    network = Network("93.184.216.34")
    client = _client(network, Names(["93.184.216.34", "93.184.216.35"]))
    with pytest.raises(FlawError, match="ConnectError"):
        _get(client, "http://shop.example/")
    assert _get(client, "http://shop.example/") == 200


def test_a_name_that_leads_nowhere_is_a_failed_connection() -> None:
    with pytest.raises(FlawError, match="resolved"):
        _get(_client(Network(), Names([])), "http://shop.example/")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("::ffff:93.184.216.34", True),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("::1", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b:1::a00:1", False),
        ("2002:a00:1::", False),
        ("2001:0:a00:1::", False),
        ("::10.0.0.1", False),
        ("fec0::1", False),
        ("fe80::1", False),
        ("198.18.0.1", False),
        ("192.0.2.1", False),
        ("255.255.255.255", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("192.0.0.192", False),
        ("192.88.99.1", False),
        ("::ffff:0:169.254.169.254", False),
        ("64:ff9b:1:a9fe:a9:fe00:808:808", False),
        ("2620:0:1::5efe:10.0.0.1", False),
        ("2620:0:1::200:5efe:10.0.0.1", False),
        ("2620:0:1::5efe:93.184.216.34", True),
        ("fe80::5efe:93.184.216.34", False),
        ("5f00::1", False),
        ("3fff::1", False),
    ],
)
def test_what_is_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) == public
