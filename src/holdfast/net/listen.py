"""Accepting connections, whatever the machine is short of.

A ``Listener`` accepts on the loop that runs the handlers, so a loop that is
busy takes no new clients and another process on the same socket can.  It takes
a few connections per wake-up, looks at nothing but the socket, and sorts what goes
wrong by ``classify``:

    ABORTED   the client left while it waited: on to the next one, silently
    FULL      no descriptor is free: stop accepting, tell the owner, try again later
    MEMORY    the kernel has no memory: the same
    FATAL     the listener itself is broken: stop, tell the owner

Rule 1: while nothing is to be accepted, the loop does not watch the socket; it would spin.
Rule 2: later is 5 ms, doubled each time up to 1 s; a success starts over.  Nothing is logged here.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote

from holdfast import limits
from holdfast.errors import ConnectionReset

from .address import Address, address_text, inherited, parse_addr
from .bind import OPTIONS_ARE_INHERITED, listening_sockets, set_connection_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.errors import HTTPError

    from .clock import Clock, Handle
    from .transport import Receiver, Transport

__all__ = [
    "AcceptError",
    "Address",
    "Listener",
    "attach",
    "bind",
    "classify",
    "inherited",
    "open_transport",
    "parse_addr",
]


def bind(
    address: Address, *, backlog: int = limits.BACKLOG, reuse_port: bool = False, uds_mode: int | None = None
) -> list[Listener]:
    """Listen on ``address``: one listener for each socket that takes.

    Needs no loop; connections wait in the kernel's queue until ``start``.  A host that stands for
    several addresses gets one port on all of them; no host means IPv6 and IPv4 on one socket.

    Args:
        backlog: the length of the kernel's queue; it may shorten it.
        reuse_port: let other processes bind the same port and share its connections.
        uds_mode: permission bits of a Unix socket's file.

    Raises DialError, one line, when it cannot be done.
    """
    sockets = listening_sockets(address, backlog=backlog, reuse_port=reuse_port, uds_mode=uds_mode)
    return [Listener(sock, unlink=address.path is not None) for sock in sockets]


async def open_transport(sock: socket.socket, receiver: Receiver) -> Transport:
    """Give a connected, non-blocking socket to the loop and its bytes to ``receiver``.

    ``receiver.connection_made`` was called when this returns.  The transport owns the socket: it is
    closed when this fails, and when it is cancelled; a receiver that heard ``connection_made`` then
    hears ``connection_lost``.  Raises ConnectionReset when the connection is broken already.
    """
    loop = asyncio.get_running_loop()
    opening = loop.create_task(loop.connect_accepted_socket(lambda: cast("asyncio.Protocol", receiver), sock))
    try:
        # Shielded, since uvloop forgets connection_lost when it is cancelled in the middle.
        transport, _ = await asyncio.shield(opening)
    except OSError as exc:
        sock.close()
        raise ConnectionReset(f"the connection broke before it began: {exc}") from exc
    except asyncio.CancelledError:
        opening.add_done_callback(_abort_opened)
        raise
    return cast("Transport", transport)


def attach(sock: socket.socket, receiver: Receiver, on_failed: Callable[[HTTPError], object]) -> None:
    """As ``open_transport``, at once and without a task: for accepted sockets, of which there are many.

    ``receiver.connection_made`` comes in a later turn of the loop; ``on_failed`` is called instead, maybe
    at once, with ConnectionReset, when the connection is broken already.
    """
    loop = asyncio.get_running_loop()
    opening = loop.connect_accepted_socket(lambda: cast("asyncio.Protocol", receiver), sock)

    def step(_: object = None) -> None:
        # A coroutine that waits once needs no task to drive it: that would be dearer than all it does.
        try:
            waits_for = opening.send(None)
        except StopIteration:
            return
        except OSError as exc:
            sock.close()
            on_failed(ConnectionReset(f"the connection broke before it began: {exc}"))
        else:
            waits_for._asyncio_future_blocking = False
            waits_for.add_done_callback(step)

    step()


def _abort_opened(opening: asyncio.Task[tuple[asyncio.Transport, asyncio.Protocol]]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[0].abort()


class AcceptError(Enum):
    """What an error of ``accept`` asks for."""

    AGAIN = auto()
    ABORTED = auto()
    FULL = auto()
    MEMORY = auto()
    FATAL = auto()


def classify(error: OSError) -> AcceptError:
    """Say what to do about an error that ``accept`` raised."""
    return _CLASSES.get(error.errno or 0, AcceptError.FATAL)


_CLASSES: Final = {
    number: kind
    for kind, names in {
        AcceptError.AGAIN: "EAGAIN EWOULDBLOCK EINTR",
        # The new connection's own troubles, which Linux reports here: accept(2).
        AcceptError.ABORTED: "ECONNABORTED ECONNRESET EPROTO EPERM ETIMEDOUT ENETDOWN ENETUNREACH EHOSTDOWN"
        " EHOSTUNREACH ENONET ENOPROTOOPT EOPNOTSUPP",
        AcceptError.FULL: "EMFILE ENFILE",
        AcceptError.MEMORY: "ENOMEM ENOBUFS",
    }.items()
    for name in names.split()
    if (number := getattr(errno, name, None)) is not None
}


class Listener:
    """One listening socket.

    Attributes:
        sock: the socket.
        addr: where it listens, e.g. ``127.0.0.1:8080``, ``[::]:80`` or ``unix:/run/app.sock``.
    """

    __slots__ = (
        "__weakref__",
        "_accepted",
        "_clock",
        "_closed",
        "_delay",
        "_file",
        "_loop",
        "_on_error",
        "_paused",
        "_retry",
        "_watched",
        "addr",
        "sock",
    )

    _clock: Clock
    _accepted: Callable[[socket.socket], object]
    _on_error: Callable[[AcceptError, OSError], object]

    def __init__(self, sock: socket.socket, *, unlink: bool = False) -> None:
        """Take a socket that listens and does not block; ``unlink``: remove its file at the end."""
        name = sock.getsockname()
        self.sock = sock
        self.addr = f"unix:{address_text(name)}" if sock.family == socket.AF_UNIX else address_text(name)
        self._file = _FileMark(name) if unlink else None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._delay = 0.0
        self._retry: Handle | None = None
        self._paused = self._closed = self._watched = False

    def url(self, scheme: str = "http") -> str:
        """Where a client on this machine finds it, without a slash at the end."""
        name = self.sock.getsockname()
        if self.sock.family == socket.AF_UNIX:
            return f"{scheme}+unix://{quote(address_text(name), safe='')}"
        host, port = name[0], name[1]
        return f"{scheme}://{Address('localhost' if host in ('::', '0.0.0.0') else host, port)}"

    def start(
        self,
        clock: Clock,
        accepted: Callable[[socket.socket], object],
        *,
        on_error: Callable[[AcceptError, OSError], object],
    ) -> None:
        """Begin to accept on the running loop.  Call once.

        Args:
            accepted: gets each new socket, which does not block and has its options set.
            on_error: hears FULL and MEMORY each time accepting stops for them, and FATAL, after which
                this listener accepts nothing more and waits to be closed.
        """
        self._loop = asyncio.get_running_loop()
        self._clock, self._accepted, self._on_error = clock, accepted, on_error
        self._watch()

    def pause(self) -> None:
        """Accept nothing until ``resume``; new connections wait in the kernel's queue."""
        self._paused = True
        self._watch()

    def resume(self) -> None:
        """Accept again, at once: after ``pause``, or because a descriptor came free."""
        self._paused = False
        self._stop_waiting()
        self._watch()

    def drain_backlog(self) -> int:
        """Accept what waits in the kernel's queue now, paused or not, and say how many that were.

        For the end: what is left there when the listener closes is reset, answered or not.
        """
        count = 0
        for _ in range(limits.BACKLOG):
            try:
                sock, _ = self.sock.accept()
            except OSError as exc:
                if classify(exc) is AcceptError.ABORTED:
                    continue
                break
            count += 1
            self._hand_over(sock)
        return count

    def close(self) -> None:
        """Stop listening; remove the file that ``bind`` made for it.  A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._stop_waiting()
        self._watch()
        if self._file:
            self._file.unlink()
        self.sock.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "accepting" if self._watched else "not accepting"
        return f"<Listener {self.addr} {state}>"

    def _watch(self) -> None:
        """Have the loop watch the socket exactly when a connection could be accepted."""
        wanted = not (self._closed or self._paused or self._retry)
        if self._loop is None or wanted == self._watched:
            return
        self._watched = wanted
        if wanted:
            self._loop.add_reader(self.sock.fileno(), self._accept)
        else:
            self._loop.remove_reader(self.sock.fileno())

    def _accept(self) -> None:
        for _ in range(limits.ACCEPT_BURST):
            if not self._watched:
                return  # the owner has paused or closed us from within `accepted`
            try:
                sock, _ = self.sock.accept()
            except OSError as exc:
                kind = classify(exc)
                if kind is AcceptError.ABORTED:
                    continue
                if kind is not AcceptError.AGAIN:
                    self._stop_for(kind, exc)
                return
            self._delay = 0.0
            self._hand_over(sock)

    def _hand_over(self, sock: socket.socket) -> None:
        try:
            sock.setblocking(False)
            if not OPTIONS_ARE_INHERITED:
                set_connection_options(sock)
        except OSError:
            sock.close()  # macOS: EINVAL when the client has gone already
            return
        try:
            self._accepted(sock)
        except BaseException:
            sock.close()
            raise

    def _stop_for(self, kind: AcceptError, exc: OSError) -> None:
        if kind is AcceptError.FATAL:
            self._paused = True
        else:
            self._delay = min(max(self._delay * 2, limits.ACCEPT_BACKOFF_MIN), limits.ACCEPT_BACKOFF_MAX)
            self._retry = self._clock.call_at(self._clock.time() + self._delay, self._try_again)
        self._watch()
        self._on_error(kind, exc)

    def _try_again(self) -> None:
        self._retry = None
        self._watch()

    def _stop_waiting(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None


class _FileMark:
    """The file of a Unix socket, known by its inode: a successor's is left alone."""

    __slots__ = ("_inode", "_path")

    def __init__(self, path: str) -> None:
        self._path = path
        self._inode = self._look()

    def unlink(self) -> None:
        if self._inode is not None and self._look() == self._inode:
            os.unlink(self._path)

    def _look(self) -> tuple[int, int] | None:
        try:
            found = os.lstat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino
