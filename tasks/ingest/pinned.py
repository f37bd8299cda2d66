"""Connect only where a source may: to one resolved address a host, and to no private one unasked.

A name is resolved once and every connection goes to the address it had then, so that a name which
later points elsewhere leads nowhere else. Requests, TLS and cookies know the name alone.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

from tasks.core.errors import SourceError
from tasks.ingest.wire import Deadline, WatchedStream

# By IANA's registries; what Python calls global differs from one of its versions to another.
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("192.0.0.0/24", "192.88.99.0/24"),
        *("::ffff:0:0:0/96", "64:ff9b:1::/48", "3fff::/20", "5f00::/16"),
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_ISATAP, _ISATAP_BITS = 0x00005EFE, 0xFCFFFFFF
_COMPATIBLE = ipaddress.ip_network("::/96")
_UNIQUE_LOCAL = ipaddress.ip_network("fc00::/7")
_LOW_32_BITS = 0xFFFFFFFF

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class PinnedNetwork(httpcore.NetworkBackend):
    """Opens connections: resolves each host once, and refuses private addresses.

    Args:
        allow_private: whether private addresses may be connected to.
        deadline: when waiting ends.
        network: what connects.
        resolve: what looks names up.
    """

    def __init__(
        self,
        allow_private: bool,
        deadline: Deadline,
        network: httpcore.NetworkBackend | None = None,
        resolve: Callable[..., Iterable[Any]] = socket.getaddrinfo,
    ) -> None:
        self._allow_private, self._deadline = allow_private, deadline
        self._network, self._resolver = network or httpcore.SyncBackend(), resolve
        self._addresses: dict[tuple[str, int], list[Address]] = {}
        self._lock = threading.Lock()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> WatchedStream:
        """Connect to the host's pinned address.

        Raises:
            SourceError: the host has a private address and that was not allowed.
            httpcore.ConnectError: it does not answer; the next try goes to its next address.
        """
        address = self._resolve(host, port)
        try:
            stream = self._network.connect_tcp(
                str(address), port, self._deadline.cap(timeout), local_address, socket_options
            )
        except (httpcore.ConnectError, httpcore.ConnectTimeout):
            with self._lock:
                first, *others = self._addresses[host, port]
                if first == address:
                    self._addresses[host, port] = [*others, first]
            raise
        return WatchedStream(stream, self._deadline)

    def _resolve(self, host: str, port: int) -> Address:
        with self._lock:
            if (host, port) not in self._addresses:
                self._addresses[host, port] = self._look_up(host, port)
            return self._addresses[host, port][0]

    def _look_up(self, host: str, port: int) -> list[Address]:
        try:
            found = self._resolver(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            found = []
        addresses = list(dict.fromkeys(ipaddress.ip_address(str(one[4][0])) for one in found))
        if not addresses:
            raise httpcore.ConnectError("the name cannot be resolved")
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
    if any(address in network for network in _NOT_PUBLIC):
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        low = ipaddress.IPv4Address(int(address) & _LOW_32_BITS)
        if int(address) >> 32 & _ISATAP_BITS == _ISATAP and not is_public(low):
            return False
        if address in _COMPATIBLE or address in _NAT64:
            inner = low
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
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
