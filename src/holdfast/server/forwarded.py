"""Who the client is, and by which scheme it came, when a trusted proxy stands between.

``X-Forwarded-For`` is a list to which each proxy adds the peer that it saw.  Read from the right, it
is believed for as long as the one who said it is trusted; the first that is not trusted is the client.
``X-Forwarded-Proto`` is what the nearest proxy said, its last entry.

Rule 1: nothing is believed of a peer that is not trusted, and nothing that is no IP address.
Rule 2: a request without these fields costs two look-ups.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from holdfast import limits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    from holdfast.server.exchange import Exchange

__all__ = ["ForwardedHeaders", "Origin", "TrustedProxies", "origin"]


class Origin(NamedTuple):
    """What trusted proxies said of a request.

    Attributes:
        host: the client's IP address; "" when they said nothing of it.
        port: the client's port; 0 when they said nothing of it.
        scheme: ``"http"`` or ``"https"``; "" when they said nothing of it.
    """

    host: str = ""
    port: int = 0
    scheme: str = ""


class TrustedProxies:
    """Whose word is taken.

    Args:
        text: IP addresses with commas between, networks (``10.0.0.0/8``), our Unix sockets, or ``*``.

    Raises:
        ValueError: an entry with a slash that is neither a path nor a network.
    """

    __slots__ = ("_everyone", "_literals", "_networks")

    def __init__(self, text: str) -> None:
        entries = {entry.strip() for entry in text.split(",")} - {""}
        self._everyone = "*" in entries
        self._networks: list[IPv4Network | IPv6Network] = []
        for entry in [entry for entry in entries if "/" in entry and not entry.startswith(("/", "unix:"))]:
            import ipaddress  # only who names networks pays for it

            self._networks.append(ipaddress.ip_network(entry, strict=False))
            entries.remove(entry)
        self._literals = {entry.removeprefix("unix:") for entry in entries}

    def __contains__(self, host: str) -> bool:
        if self._everyone or host in self._literals:
            return True
        if not self._networks or (address := _address(host)) is None:
            return False
        return any(address in network for network in self._networks)


def origin(peer: str, fields: Iterable[tuple[bytes, bytes]], trusted: TrustedProxies) -> Origin:
    """What the proxies that are ``trusted`` say of a request that came from ``peer``, itself trusted.

    Args:
        fields: of the request, lower-case names.
    """
    hosts: list[str] = []
    scheme = ""
    for name, value in fields:
        if name == b"x-forwarded-for":
            hosts += value.decode("latin-1").split(",")
        elif name == b"x-forwarded-proto":
            scheme = _SCHEMES.get(value.decode("latin-1").rpartition(",")[2].strip().lower(), "")
    client = "", 0
    for entry in reversed(hosts):
        # An address costs 10 us to read, and a client sends many requests; a longer entry is none.
        said = _client(entry) if len(entry) <= _LONGEST else None
        if said is None:
            break  # "unknown", or a lie: what the hops before it said is all that is known
        client = said
        if client[0] not in trusted:
            break
    return Origin(*client, scheme)


_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_LONGEST: Final = 64  # an IPv6 address with an IPv4 one in it, its brackets, a port, and space around


class ForwardedHeaders:
    """A front door before another one: believes the proxies, then lets the request through.

    Args:
        front: answers exchanges.
        trusted: whom to believe.
    """

    __slots__ = ("_front", "_trusted")

    def __init__(self, front: Callable[[Exchange], Awaitable[None]], trusted: TrustedProxies) -> None:
        self._front = front
        self._trusted = trusted

    def serve_exchange(self, exchange: Exchange) -> Awaitable[None]:
        """Answer ``exchange``, as what trusted proxies say it is."""
        index = exchange.head.index
        if b"x-forwarded-for" in index or b"x-forwarded-proto" in index:
            pair = exchange.peer_pair
            peer = pair[0] if pair else exchange.local_addr  # on a Unix socket, the socket is what is trusted
            if peer in self._trusted:
                exchange.origin = origin(peer, exchange.head.fields, self._trusted)
        return self._front(exchange)


@lru_cache(maxsize=limits.REMEMBERED_LINES)
def _client(entry: str) -> tuple[str, int] | None:
    """The client that an entry names, its address as the system would write it; None when it is none."""
    host, port = _split(entry.strip())
    address = _address(host)
    return None if address is None else (str(address), port)


def _split(entry: str) -> tuple[str, int]:
    """Host and port of ``192.0.2.1``, ``192.0.2.1:80``, ``2001:db8::1``, ``[2001:db8::1]:80``."""
    host, colon, port = entry.rpartition(":")
    if entry.startswith("["):
        host, _, port = entry[1:].partition("]")
        port = port.removeprefix(":")
    elif not colon or ":" in host:
        return entry, 0
    return host, int(port) if port.isascii() and port.isdigit() and int(port) < 65536 else 0


def _address(text: str) -> IPv4Address | IPv6Address | None:
    import ipaddress

    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
