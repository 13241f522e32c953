"""Sockets that listen: made, inherited, and explained when they cannot be.

Rule 1: what goes wrong is one ``DialError`` of one line, naming the address.
Rule 2: nothing half made is left behind: either every socket of an address listens, or none is open.
Rule 3: options that accepted sockets inherit are set here, once, and not on each connection.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from typing import TYPE_CHECKING, Final

from holdfast import limits
from holdfast.errors import DialError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .address import Address

__all__ = ["OPTIONS_ARE_INHERITED", "explain", "listening_sockets", "set_connection_options"]

# Linux copies these options from the listener to each socket it accepts: six system calls saved.
OPTIONS_ARE_INHERITED: Final = sys.platform == "linux"


def listening_sockets(
    address: Address, *, backlog: int = limits.BACKLOG, reuse_port: bool = False, uds_mode: int | None = None
) -> list[socket.socket]:
    """Listen on every address that ``address`` stands for; the sockets do not block.

    Raises DialError.
    """
    try:
        if address.fd is not None:
            sockets = [_inherited(address.fd)]
        elif address.path is not None:
            sockets = [_unix(address.path, uds_mode)]
        else:
            sockets = _tcp(address.host, address.port, reuse_port)
    except (OSError, ValueError, OverflowError) as exc:  # a host, path or number the system cannot hold
        raise DialError(f"cannot listen on {address}: {explain(exc)}") from exc
    try:
        for sock in sockets:
            sock.setblocking(False)
            set_connection_options(sock)
            sock.listen(backlog)
    except OSError as exc:
        _close_all(sockets)
        raise DialError(f"cannot listen on {address}: {explain(exc)}") from exc
    return sockets


def set_connection_options(sock: socket.socket) -> None:
    """No waiting to fill packets, a sign of life every 15 seconds of silence (as Go), ``KERNEL_UNSENT``."""
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        for level, option, value in _CONNECTION_OPTIONS:
            sock.setsockopt(level, option, value)


def _connection_options() -> list[tuple[int, int, int]]:
    period = int(limits.KEEPALIVE_PERIOD)
    options = [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    ]
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        options.append((socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, limits.KERNEL_UNSENT))
    names = ("TCP_KEEPIDLE", "TCP_KEEPALIVE", "TCP_KEEPINTVL")  # macOS has the second for the first
    found = [getattr(socket, name) for name in names if hasattr(socket, name)]
    return options + [(socket.IPPROTO_TCP, option, period) for option in found]


_CONNECTION_OPTIONS: Final = _connection_options()


def _tcp(host: str, port: int, reuse_port: bool) -> list[socket.socket]:
    if not host:
        return [_tcp_everywhere(port, reuse_port)]
    name = host.encode() if host.isascii() else host  # of text it imports the tables of IDNA, at any cost
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    names = list(dict.fromkeys((family, name) for family, _, _, _, name in found))
    for _ in range(0 if port else _FREE_PORT_ATTEMPTS):
        try:
            return _tcp_all(names, port, reuse_port)
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE:
                raise
    return _tcp_all(names, port, reuse_port)


# The free port that the first address got may be taken on the next: so often another one is tried.
_FREE_PORT_ATTEMPTS: Final = 8


def _tcp_all(
    names: Sequence[tuple[int, tuple[object, ...]]], port: int, reuse_port: bool
) -> list[socket.socket]:
    """Bind every name to one port; an address family that this machine lacks is left out."""
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    for family, name in names:
        try:
            sock = _tcp_one(family, (name[0], port, *name[2:]), reuse_port)
        except OSError as exc:
            if exc.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                missing = exc
                continue
            _close_all(sockets)
            raise
        sockets.append(sock)
        port = sock.getsockname()[1]
    if missing and not sockets:
        raise missing
    return sockets


def _tcp_everywhere(port: int, reuse_port: bool) -> socket.socket:
    """One socket for IPv6 and IPv4; for IPv4 alone where the machine has no IPv6."""
    try:
        return _tcp_one(socket.AF_INET6, ("::", port), reuse_port, v6only=False)
    except OSError as exc:
        if exc.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENOPROTOOPT):
            raise
        return _tcp_one(socket.AF_INET, ("0.0.0.0", port), reuse_port)


def _tcp_one(
    family: int, name: tuple[object, ...], reuse_port: bool, *, v6only: bool = True
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
        sock.bind(name)
    except BaseException:
        sock.close()
        raise
    return sock


def _unix(path: str, mode: int | None) -> socket.socket:
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
        if mode is not None:
            os.chmod(path, mode)  # nobody connects before listen()
    except BaseException:
        sock.close()
        raise
    return sock


def _remove_stale(path: str) -> None:
    """Remove the socket file that a dead process left, and nothing else."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise ValueError("the file exists and is not a socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass  # its queue is full, so somebody listens
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _inherited(fd: int) -> socket.socket:
    sock = socket.socket(fileno=fd)
    if sock.type != socket.SOCK_STREAM:
        sock.detach()
        raise ValueError("not a stream socket")
    sock.set_inheritable(False)
    return sock


def _close_all(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


def explain(exc: Exception) -> str:
    """What the system says of ``exc``, to stand after a colon."""
    if isinstance(exc, OSError) and exc.errno and not isinstance(exc, socket.gaierror):
        text = os.strerror(exc.errno)  # asyncio puts a text of its own into strerror
    else:
        text = str(getattr(exc, "strerror", None) or exc)
    return text[:1].lower() + text[1:]
