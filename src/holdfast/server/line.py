"""The line of a connection: its transport, its peer, and who waits for it to move.

Rule 1: one future for what comes (``_waiter``) and one flag for what leaves (``_writable``); whoever is woken
looks again, for a connection that is lost wakes everybody.
Rule 2: a socket is not read while more than ``MAX_READ_AHEAD`` is buffered and nobody reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from holdfast import limits
from holdfast.errors import BodyClosed, Timeout
from holdfast.net.address import address_text
from holdfast.net.sockets import peer_name
from holdfast.net.tasks import Event as Flag
from holdfast.wire.h1.connection import H1Connection
from holdfast.wire.lifecycle import Lifecycle, Side
from holdfast.wire.persistence import CloseReason

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence

    from holdfast.errors import HTTPError
    from holdfast.net.tasks import Future
    from holdfast.net.tlsinfo import TLSInfo
    from holdfast.net.transport import Transport
    from holdfast.server.clocks import Clocks
    from holdfast.server.exchange import Exchange
    from holdfast.server.server import Server

__all__ = ["Ends", "Line"]


class Ends(NamedTuple):
    """Who is at both ends of a connection, and what they agreed on.

    Attributes:
        peer, local: the socket names, as the system gives them.
        peer_pair, local_pair: host and port; None on a Unix socket.
        tls: None on a plain connection.
    """

    peer: Any
    local: Any
    peer_pair: tuple[str, int] | None
    local_pair: tuple[str, int] | None
    tls: TLSInfo | None


class Line:
    """What a connection has: its transport, its wire, where it stands, which clocks run, who waits.

    Attributes:
        transport: what the bytes go to; None until the connection is open (TLS done).
        wire: the sans-I/O half.
        life: where it stands in ``LIFECYCLE``.
        current: the exchange whose bytes may be written now.
        reason: why it ends, once that is decided.
        error: what reads and writes raise once the connection is lost.
        peer_gone: the peer has gone, or has closed its half.
        write_paused: more than the high-water mark is unsent.
    """

    __slots__ = (
        "_ends",
        "_reading_paused",
        "_unwaited",
        "_waiter",
        "_writable",
        "bytes_received",
        "clocks",
        "context",
        "current",
        "error",
        "life",
        "opened",
        "opened_at",
        "peer_gone",
        "reason",
        "scheme",
        "server",
        "sock",
        "traced",
        "transport",
        "wire",
        "write_paused",
    )

    transport: Transport
    clocks: Clocks  # set, with its context, once there is a whole connection
    context: Mapping[str, Any]

    def __init__(self, server: Server, sock: socket.socket | None) -> None:
        self.server = server
        self.sock = sock
        self.wire = H1Connection(
            max_header_bytes=server.max_header_bytes,
            max_header_count=server.max_header_count,
            starts=server.starts,
        )
        self.life = Lifecycle(Side.SERVER)
        self.traced = server.traced
        self.scheme = server.scheme
        self.opened = False
        self.current: Exchange | None = None
        self.bytes_received = 0
        self.opened_at = server.time()
        self.reason: CloseReason | None = None
        self.error: HTTPError | None = None
        self.peer_gone = False
        self.write_paused = False
        self._waiter: Future[None] | None = None
        self._writable: Flag | None = None
        self._ends: Ends | None = None
        self._reading_paused = False
        self._unwaited = 0

    @property
    def peer(self) -> str:
        """``host:port`` of the peer, or its Unix socket's path, or ""; not computed at accept."""
        if not self.opened:
            return "" if self.sock is None else address_text(peer_name(self.sock))
        return address_text(self.ends.peer)

    @property
    def ends(self) -> Ends:
        """The peer's and our socket name, and what TLS agreed on; asked for once, when somebody does."""
        if self._ends is None:
            info = self.transport.get_extra_info
            peer, local = info("peername"), info("sockname")
            self._ends = Ends(peer, local, _pair(peer), _pair(local), info("tls"))
        return self._ends

    def in_flight(self) -> Sequence[Exchange]:
        """The exchanges that are being answered, in their order."""
        return () if self.current is None else (self.current,)

    def pause_writing(self) -> None:
        self.write_paused = True
        self.clocks.start_stall()

    def resume_writing(self) -> None:
        self.write_paused = False
        self.clocks.stop_stall()
        if self._writable is not None:
            self._writable.set()

    def resume_reading(self) -> None:
        """Read from the socket again, if that was stopped and there is room."""
        if self._reading_paused and self.wire.buffered <= limits.MAX_READ_AHEAD:
            self._read_on()

    def _read_on(self) -> None:
        """Read from the socket, whatever is buffered: nothing but what comes can use it up."""
        self._reading_paused = False
        self.transport.resume_reading()

    async def wait_for_body(self, exchange: Exchange) -> None:
        """Return when bytes or the peer's end have come.  Raises Timeout, ConnectionReset."""
        if self.error is not None:
            raise self.error
        self.clocks.start_body(exchange.bytes_received)
        self.resume_reading()
        try:
            await self._wait()
        finally:
            self.clocks.stop_body()
        if self.error is not None:
            raise self.error

    async def wait_turn(self, exchange: Exchange) -> None:
        """Return when the answers before ``exchange`` are out, or the connection is lost."""
        while self.current is not exchange and self.error is None:
            if self._writable is None:
                self._writable = Flag()
            self._writable.clear()
            await self._writable.wait()
        exchange.flush()

    async def wait_writable(self) -> None:
        """Return when no more than the low-water mark is unsent, or the connection is lost."""
        while self.write_paused and self.error is None:
            if self._writable is None:
                self._writable = Flag()
            self._writable.clear()
            await self._writable.wait()

    def owes_turn(self) -> bool:
        """Whether a writer that never had to wait should let the loop turn.

        A peer may take everything as fast as it is made, and the loss of a peer is told in a turn of the
        loop: a handler that writes without end must not keep it from the other connections.
        """
        self._unwaited = (self._unwaited + 1) % limits.WRITES_PER_TURN
        return self._unwaited == 0

    def stop_body_read(self) -> None:
        """Tell whoever waits for the body that it was closed."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(BodyClosed("the body was closed while it was read"))

    def body_expired(self, timer: str) -> None:
        """A clock of the request's body ran out; whoever reads it is told."""
        self.wire.note(CloseReason.BODY_BROKEN)
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(Timeout(timer))

    async def _wait(self) -> None:
        self._waiter = waiter = self.server.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def _wake_all(self) -> None:
        self._wake()
        if self._writable is not None:
            self._writable.set()
        self.peer_gone = True
        self._tell_disconnected()

    def _tell_disconnected(self) -> None:
        for exchange in self.in_flight():
            exchange.tell_disconnected()


def _pair(name: Any) -> tuple[str, int] | None:
    return (name[0], name[1]) if isinstance(name, tuple) else None
