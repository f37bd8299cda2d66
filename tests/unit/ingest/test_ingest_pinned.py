"""Requests go to the address a name had first, and to no private one unasked."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import httpx
import pytest

from tasks.core.errors import SourceError
from tasks.ingest.pinned import PinnedClient, is_public


class Names:
    """A resolver whose answers change, as an attacker's would; it remembers what was asked."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        found = self._answers.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]


class Network:
    """A transport that remembers the requests, and refuses connections to some addresses."""

    def __init__(self, *down: str) -> None:
        self._down = down
        self.sent: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        if request.url.host in self._down:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, text="ok")


def _client(network: Network, names: Names, allow_private: bool = False) -> PinnedClient:
    return PinnedClient(httpx.Client(transport=httpx.MockTransport(network)), allow_private, names)


def _get(client: PinnedClient, url: str) -> int:
    with client.stream("GET", httpx.URL(url)) as response:
        return response.status_code


def test_a_name_is_resolved_once_and_stays_where_it_was() -> None:
    network, names = Network(), Names(["93.184.216.34"], ["10.0.0.1"])
    client = _client(network, names)
    for _ in range(3):
        assert _get(client, "https://shop.example/items?a=1") == 200
    assert names.asked == ["shop.example"]
    for request in network.sent:
        assert str(request.url) == "https://93.184.216.34/items?a=1"
        assert request.headers["Host"] == "shop.example"
        assert request.extensions["sni_hostname"] == "shop.example"


@pytest.mark.parametrize("answer", [["10.0.0.1"], ["93.184.216.34", "127.0.0.1"]])
def test_a_name_with_a_private_address_needs_leave(answer: list[str]) -> None:
    network = Network()
    with pytest.raises(SourceError, match="allow_private"):
        _get(_client(network, Names(answer)), "http://shop.example/")
    assert network.sent == []
    assert _get(_client(network, Names(answer), allow_private=True), "http://shop.example/") == 200


def test_after_a_refused_connection_the_next_address_has_its_turn() -> None:
    network = Network("93.184.216.34")
    client = _client(network, Names(["93.184.216.34", "93.184.216.35"]))
    with pytest.raises(httpx.ConnectError):
        _get(client, "http://shop.example/")
    assert _get(client, "http://shop.example/") == 200


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
        ("2002:a00:1::", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
    ],
)
def test_what_is_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) == public
