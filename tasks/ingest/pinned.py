"""Connect only where a source may: to one resolved address a host, and to no private one unasked.

A name is resolved once and every request goes to the address it had then, so that a name which
later points elsewhere leads nowhere else.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx

from tasks.core.errors import SourceError

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNIQUE_LOCAL = ipaddress.ip_network("fc00::/7")
_LOW_32_BITS = 0xFFFFFFFF

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class PinnedClient:
    """An HTTP client that resolves each host once, and refuses private addresses.

    Args:
        client: what sends the requests.
        allow_private: whether private addresses may be connected to.
        resolve: what looks names up.
    """

    def __init__(
        self,
        client: httpx.Client,
        allow_private: bool,
        resolve: Callable[..., Iterable[Any]] = socket.getaddrinfo,
    ) -> None:
        self._client, self._allow_private, self._resolver = client, allow_private, resolve
        self._addresses: dict[tuple[str, int], list[Address]] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def stream(self, method: str, url: httpx.URL, **more: Any) -> Iterator[httpx.Response]:
        """Send a request to the host's pinned address; its name is still the one TLS checks.

        Raises:
            SourceError: the host has a private address and that was not allowed.
            httpx.TransportError: the request failed; the next one tries the host's next address.
        """
        place = (url.host, url.port or (443 if url.scheme == "https" else 80))
        address = self._resolve(place)
        headers = {"Host": url.netloc.decode(), **more.pop("headers", {})}
        try:
            with self._client.stream(
                method,
                url.copy_with(host=str(address)),
                headers=headers,
                extensions={"sni_hostname": url.host},
                **more,
            ) as response:
                yield response
        except httpx.ConnectError:
            with self._lock:
                first, *others = self._addresses[place]
                self._addresses[place] = [*others, first]
            raise

    def _resolve(self, place: tuple[str, int]) -> Address:
        with self._lock:
            if place not in self._addresses:
                self._addresses[place] = self._look_up(*place)
            return self._addresses[place][0]

    def _look_up(self, host: str, port: int) -> list[Address]:
        try:
            found = self._resolver(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpx.ConnectError(f"the name {host} cannot be resolved") from error
        addresses = list(dict.fromkeys(ipaddress.ip_address(str(one[4][0])) for one in found))
        private = [address for address in addresses if not is_public(address)]
        if private and not (self._allow_private or _is_plainly_private(host)):
            raise SourceError(
                f"a public address for {host}",
                found=str(private[0]),
                where=host,
                do="If that is meant, set the source's allow_private: true.",
            )
        return sorted(addresses, key=lambda address: address.version)


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet, through any embedding of IPv4 in IPv6."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & _LOW_32_BITS)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def _is_plainly_private(host: str) -> bool:
    """Whether a configured address says itself, in the usual spelling, that it is private.

    Link-local addresses do not count: cloud machines keep their credentials there.
    """
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        usual = address.is_loopback or address.version == 4 or address in _UNIQUE_LOCAL
        narrow = address.is_private and not (address.is_link_local or address.is_unspecified)
        return usual and narrow
    return False
