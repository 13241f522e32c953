"""One request and its response: the seam between a connection and what answers on it.

``ResponseWriter``, ASGI and WSGI are three front doors to an ``Exchange``, none
built on another.  Receiving: ``read`` gives the body piece by piece.  Sending:
``start``, ``write``, ``end`` collect bytes, ``flush`` hands them to the transport in
one write, ``drain`` waits while the peer takes nothing.

Rule 1: only ``read``, ``drain`` and the ``wait_``s wait; the rest returns at once.
Rule 2: bytes leave in the order of requests: an exchange whose turn has not come
keeps its own (``pipeline="concurrent"``).

RFC 9110 section 9; RFC 9112 sections 6 and 9.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast import limits
from holdfast.errors import BodyClosed, Hijacked, LocalProtocolError, RemoteProtocolError, Timeout, UsageError
from holdfast.net.address import address_text
from holdfast.net.tasks import Event as Flag
from holdfast.net.tasks import sleep
from holdfast.server.filebody import send_file
from holdfast.wire.events import Data, End
from holdfast.wire.h1.response import DISCARD, ResponseEncoder, plain_response
from holdfast.wire.persistence import CloseReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from holdfast.net.threads import Threads
    from holdfast.net.tlsinfo import TLSInfo
    from holdfast.net.transport import Transport
    from holdfast.server.conn import Conn
    from holdfast.server.forwarded import Origin
    from holdfast.server.server import Server
    from holdfast.server.uploads import Spool, Upload
    from holdfast.wire.events import RequestHead

__all__ = ["Exchange"]

Field = tuple[bytes, bytes]


class Exchange:
    """One request and its response, for as long as its handler runs.

    Attributes:
        head: the request's head.
        conn: the connection; front doors ask it for peer, local address and TLS only.
        status: the final status once ``start`` was called, else 0.
        body_complete: whether the request's body was received whole.
        trailers: the request's trailer fields, empty until the body is complete.
        bytes_received: of the body, framing not counted.
        bytes_sent: of the response's body, framing not counted.
        fields: of the final response, as ``start`` was given them.
        origin: what a trusted proxy said of the peer (``server.forwarded``); None without one.
        full_duplex: leave the request's body readable while the response is written.
        ended: the whole response was given to ``end``.
        over: the handler has returned, or failed.
        detached: the response is complete, the connection serves on, and the handler still runs.
    """

    # One is made per request, and most of this never changes: so it is the class's until it does.
    status = 0
    fields: Iterable[Field] = ()
    trailers: list[Field] = []  # noqa: RUF012 - replaced, never changed
    bytes_received = 0
    bytes_sent = 0
    full_duplex = False
    hijacked = False
    ended = False
    over = False
    called_off = False
    detached = False
    origin: Origin | None = None
    started_at = 0.0
    first_byte_at = 0.0
    _encoder: ResponseEncoder | None = None
    _closed = False
    _reading = False
    _gone: Flag | None = None
    _spool: Spool | None = None

    def __init__(self, conn: Conn, head: RequestHead) -> None:
        self.conn = conn
        self.head = head
        self.body_complete = head.content_length == 0
        self._out: list[bytes] = []

    def __repr__(self) -> str:
        head = self.head
        return f"<Exchange {head.method} {head.target} {self.status or 'no status yet'}>"

    # --- circumstances ---

    @property
    def server(self) -> Server:
        """The server that received it."""
        return self.conn.server

    @property
    def remote_addr(self) -> str:
        """``host:port`` of the peer, or its Unix socket's path, or ""."""
        origin = self.origin
        if origin is not None and origin.host:
            return address_text((origin.host, origin.port))
        return self.conn.peer

    @property
    def local_addr(self) -> str:
        """``host:port`` that the peer reached, or the path of the Unix socket, or ""."""
        return address_text(self.conn.ends.local)

    @property
    def peer_pair(self) -> tuple[str, int] | None:
        """The peer's host and port; None on a Unix socket."""
        origin = self.origin
        if origin is not None and origin.host:
            return origin.host, origin.port
        return self.conn.ends.peer_pair

    @property
    def local_pair(self) -> tuple[str, int] | None:
        """The host and port that the peer reached; None on a Unix socket."""
        return self.conn.ends.local_pair

    @property
    def tls(self) -> TLSInfo | None:
        """What the TLS handshake agreed on; None on a plain connection."""
        return self.conn.ends.tls

    @property
    def scheme(self) -> str:
        """``"http"`` or ``"https"``."""
        origin = self.origin
        return (origin.scheme if origin is not None else "") or self.conn.scheme

    @property
    def threads(self) -> Threads:
        """The server's pool for blocking work."""
        return self.conn.server.thread_pool

    def context(self) -> dict[str, Any]:
        """What ``Request.context`` begins as."""
        return {"server": self.server, "local_addr": self.local_addr, **self.conn.context}

    @property
    def disconnected(self) -> bool:
        """Whether the peer has gone or closed its half, the exchange is over, or it was called off."""
        return self.conn.peer_gone or self.over or self.called_off

    async def wait_disconnected(self) -> None:
        """Return once ``disconnected`` holds."""
        while not self.disconnected:
            if self._gone is None:
                self._gone = Flag()
            await self._gone.wait()

    def call_off(self) -> None:
        """The server's grace is nearly over: whoever only waits for the peer to go may stop waiting."""
        self.called_off = True
        self.tell_disconnected()

    def tell_disconnected(self) -> None:
        """Wake whoever waits in ``wait_disconnected``."""
        if self._gone is not None:
            self._gone.set()

    def finish(self) -> None:
        """The handler is done with it, well or badly."""
        self.over = self._closed = True
        if self._gone is not None:
            self._gone.set()
        if self._spool is not None:
            self._spool.close()

    # --- the request ---

    async def read(self) -> bytes:
        """Return the next piece of the body, ``b""`` once it is complete.

        Sends ``100 (Continue)`` first where the peer waits for it.

        Raises:
            RemoteProtocolError: the body is malformed or was cut short.
            Timeout: ``body_read_timeout``, ``read_timeout`` or ``min_body_rate`` ran out.
            ConnectionReset: the connection is lost.
            BodyClosed: the exchange is over, or the final head was sent in place of 100 (Continue).
            UsageError: another task is reading.
        """
        if self._closed and self.head.content_length:
            raise BodyClosed("the request body was read after its exchange ended or after it was closed")
        if self.body_complete:
            return b""
        if self._reading:
            raise UsageError("the request body is being read by another task")
        self._send_continue()
        self._reading = True
        try:
            return await self.next_piece()
        finally:
            self._reading = False

    @property
    def body_is_read(self) -> bool:
        """Whether a task waits for the next piece of the body."""
        return self._reading

    async def next_piece(self) -> bytes:
        """As ``read``, for the connection itself: also once the body was closed."""
        conn = self.conn
        while True:
            try:
                event = conn.wire.next_event()
            except RemoteProtocolError:
                conn.wire.note(CloseReason.BODY_BROKEN)
                raise
            if type(event) is Data:
                data = event.data
                self.bytes_received += len(data)
                conn.resume_reading()
                return data
            if type(event) is End:
                self.body_complete = True
                self.trailers = event.trailers
                if conn.peer_gone:
                    conn.wire.note_eof()
                return b""
            await conn.wait_for_body(self)

    def _send_continue(self) -> None:
        response = self._response
        if response.awaits_continue:
            if response.mode:
                raise BodyClosed("the peer was told not to send its body: 100 (Continue) was awaited")
            self.interim(100, ())

    async def settle_body(self) -> None:
        """Read and drop what the handler left of a small body, before the head of the response.

        A peer that writes its whole body before it reads would otherwise wait for ever while we do.
        A body with more than ``max_drain_bytes`` to come makes the connection close instead.
        """
        if self.body_complete or self.over:
            return
        closed, received = self._closed, self.bytes_received
        self.close_body()
        conn = self.conn
        if not self._response.awaits_continue and conn.wire.close_reason(self.head) is None:
            try:
                await conn.drain_body(self)
            except Timeout:
                pass  # it costs the connection, and not the answer
            if self.body_complete and self.bytes_received == received:
                self._closed = closed  # nothing was dropped: who reads on finds the end

    def close_body(self) -> None:
        """Make reads raise ``BodyClosed``, also one that waits; what is unread is settled by the server."""
        self._closed = True
        if self._reading:
            self.conn.stop_body_read()

    def new_upload(self) -> Upload:
        """Make a temporary file, gone when the exchange is over.  Raises OSError when the disk does."""
        if self._spool is None:
            from holdfast.server.uploads import Spool  # few have uploads; most of its time is tempfile's

            self._spool = Spool(self.threads)
        return self._spool.new_upload()

    # --- the response ---

    def interim(self, status: int, fields: Iterable[Field] = ()) -> None:
        """Send a 1xx head at once.  Raises LocalProtocolError for a wrong status or field."""
        self._check_open()
        self._response.interim(status, fields, self._out)
        self.flush()

    def start(
        self, status: int, fields: Iterable[Field], *, length: int | None = None, date: bool = True
    ) -> None:
        """Fix the final head; it leaves with the first ``flush``.

        Args:
            length: the whole body's length in bytes, where it is known and ``fields`` need not say it.
            date: add ``Date`` unless ``fields`` has one.

        Raises:
            LocalProtocolError: a field is malformed or contradicts another, or a head was sent already.
            Hijacked, ConnectionReset: the connection is another's, or is lost.
        """
        self._check_unstarted()
        conn = self.conn
        self._response.start(
            status,
            fields,
            self._out,
            length=length,
            date=(conn.server.date or conn.server.make_date()) if date else b"",
            body_complete=self.body_complete,
        )
        self.status = status
        self.fields = fields

    def respond(self, status: int, fields: Sequence[Field], body: bytes, *, date: bool = True) -> None:
        """Send a whole response: ``start``, ``write`` and ``end`` in one.  Raises as they do."""
        conn = self.conn
        if self.hijacked or self.status or conn.error is not None:
            self._check_unstarted()
        if len(body) > limits.JOINED_WRITE:
            self.start(status, fields, length=len(body), date=date)
            self.write(body)
            self.end()
            return
        line = (conn.server.date or conn.server.make_date()) if date else b""
        data = plain_response(conn.wire, self.head, status, fields, body, line)
        if data is None:
            data = self._response.whole(status, fields, body, line)
        self.status = status
        self.fields = fields
        self.ended = True
        self.bytes_sent = len(body)
        if conn.current is self and not self._out:
            conn.transport.write(data)
        else:
            self._out.append(data)
            self.flush()
        if conn.traced:
            if self.head.method == "HEAD":
                self.bytes_sent = 0
            conn.traced.wrote(self)

    def write(self, data: bytes) -> None:
        """Add ``data`` to the body.

        Raises:
            ContentLengthError: it goes beyond the declared length; nothing of it was sent.
            BodyNotAllowed: the status allows no body.
            LocalProtocolError: the head is not out yet, or the end is.
            Hijacked, ConnectionReset: the connection is another's, or is lost.
        """
        self._check_open()
        if self.ended:
            raise LocalProtocolError("a body was written after its end")
        self._response.data(data, self._out)
        if self._response.mode != DISCARD:
            self.bytes_sent += len(data)

    async def send_file(self, file: Any, offset: int, count: int) -> None:
        """Add ``count`` bytes of ``file`` to the body, and wait while the peer takes nothing.

        Args:
            file: an open file, or the descriptor of a regular one; whoever calls closes it.
            offset: of the first byte; where ``file`` itself stands matters not, and may change.

        Raises:
            ContentLengthError, BodyNotAllowed: as ``write``; nothing of it was sent.
            LocalProtocolError: the file has fewer bytes; the connection can only be broken off.
            OSError: the file cannot be read.
            Hijacked, ConnectionReset, Timeout: as ``drain``.
        """
        self._check_open()
        self._response.check(count)
        if count and not self.body_discarded:
            await send_file(self, self._response, file, offset, count)

    def end(self, trailers: Sequence[Field] = ()) -> None:
        """End the response and send what is left of it."""
        owed = self._response.end(trailers, self._out)
        self.ended = True
        if owed:
            self.server.log.warning("%s ended %d bytes short of its Content-Length", self, owed)
        self.flush()

    @property
    def body_discarded(self) -> bool:
        """Whether what is written is not sent: the request was HEAD."""
        return self._response.mode == DISCARD

    def flush(self) -> None:
        """Hand everything collected to the transport, in one write, if it is our turn."""
        out = self._out
        conn = self.conn
        if not out or conn.current is not self:
            return
        if len(out) == 1:
            conn.transport.write(out[0])
        elif sum(map(len, out)) <= limits.JOINED_WRITE:
            conn.transport.write(b"".join(out))
        else:
            conn.transport.writelines(out.copy())
        out.clear()
        if conn.traced:
            conn.traced.wrote(self)

    def push(self) -> bool:
        """The half of ``drain`` that never waits; where it says False, ``wait`` has to follow."""
        self.flush()
        conn = self.conn
        return not (self._out or conn.write_paused or conn.error is not None or conn.owes_turn())

    async def drain(self) -> None:
        """Flush, then wait while more than the high-water mark is unsent, or until others had their turn.

        Raises:
            ConnectionReset, Timeout: the connection is lost; Timeout when a write clock cut it.
        """
        if not self.push():
            await self.wait()

    async def wait(self) -> None:
        """Wait as ``drain`` does, which has flushed.  Raises as that."""
        conn = self.conn
        if self._out:
            await conn.wait_turn(self)
        if conn.write_paused:
            await conn.wait_writable()
        else:
            await sleep(0)
        if conn.error is not None:
            raise conn.error

    def set_read_deadline(self, at: float) -> None:
        """Move the end of the request's reading, also for a read that waits now; ``inf`` for none."""
        self.conn.clocks.set_read_deadline(at)

    def set_write_deadline(self, at: float) -> None:
        """Move the end of the response's writing; ``inf`` for none."""
        self.conn.clocks.set_write_deadline(at)

    # --- ways out ---

    def detach(self) -> None:
        """Let the connection serve its next request while the handler goes on (work in the background).

        Called once the response has ended; before that it does nothing.
        """
        if self.ended and not self.detached and not self.over:
            self.detached = True
            self.conn.go_on(self)

    def abort(self) -> None:
        """Break the connection off: the peer cannot mistake what it got for a whole response."""
        self.conn.abort_exchange(self)

    def hijack(self) -> tuple[Transport, bytes]:
        """Give the connection away: its transport, and the bytes read ahead.

        Raises:
            Hijacked: it was given away already.
            NotSupported: the response was ended, or other exchanges share the connection.
        """
        self._check_open()
        self.flush()
        return self.conn.hijack(self)

    @property
    def _response(self) -> ResponseEncoder:
        """The encoder, for every response but the plain ones, made when it is needed."""
        if self._encoder is None:
            self._encoder = ResponseEncoder(self.conn.wire, self.head)
        return self._encoder

    def _check_unstarted(self) -> None:
        self._check_open()
        if self.status:
            raise LocalProtocolError(f"a second response: the head of {self.status} was sent already")

    def _check_open(self) -> None:
        if self.hijacked:
            raise Hijacked("the connection was hijacked")
        if self.conn.error is not None:
            raise self.conn.error
