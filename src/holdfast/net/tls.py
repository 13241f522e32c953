"""TLS as a transport of our own: a ``Receiver`` towards the socket, a ``Transport`` towards the owner.

OpenSSL works on two pieces of memory, one for what came and one for what is to go;
this file moves bytes between them, the raw transport and the owner.  So it is the same
over TCP, Unix sockets and memory, on every loop and on a fake clock, and the end of a
TLS stream is what RFC 8446 6.1 makes of it, not what a loop's own TLS does:

Rule 1: a close_notify, sent or received, and the state move together: `tlsstate.TRANSITIONS`.
Rule 2: after our close_notify not one byte is written, whatever OpenSSL would still like to say.
Rule 3: only the peer's close_notify is ``eof_received``.  A stream that ends without it was
cut, perhaps by somebody between us, and is ``connection_lost(TLSError)``.
Rule 4: the owner is made when the handshake is done, and never sees a byte from before.
Rule 5: a `TLSTransport` ends with exactly one call when its socket is gone: ``connection_lost``
of the owner, or, if there never was one, ``on_failed``.

Back-pressure: bytes are encrypted when the raw transport takes them.  What it does not take
waits here as the owner wrote it, so that a slow reader of a large body costs a reference to it.

RFC 8446 (TLS 1.3) section 6.1, closure alerts; RFC 5246 (TLS 1.2) section 7.2.1.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from holdfast.errors import Cancelled, Timeout, TLSError
from holdfast.limits import LINGER_TIMEOUT, TLS_HANDSHAKE_TIMEOUT

from .timers import Deadline
from .tlsconfig import ServerContext
from .tlshello import ClientHello
from .tlsinfo import TLSInfo
from .tlsstate import NEXT, Event, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .timers import Timers
    from .transport import Buffer, Receiver, Transport

__all__ = ["TLSTransport"]


HANDSHAKE, ESTABLISHED, CLOSING, RECEIVED, CLOSED = State
E = Event


class TLSTransport:
    """One TLS connection on a raw transport.

    ``context`` is what `server_context` made, or an ``ssl.SSLContext``.  ``make_owner`` is called once the
    handshake is done, with this transport, whose ``get_extra_info("alpn")`` tells what is to be spoken;
    the `Receiver` it returns gets ``connection_made`` and everything after.  ``on_failed`` is called
    instead of both where there was no handshake, when the socket is gone, with

    * `TLSError`: it failed; the message is one line, ``TLS handshake error from <address>: <reason>``,
    * `Timeout` ``tls_handshake_timeout``: it took longer than ``handshake_timeout`` seconds (None: no limit),
    * `Cancelled`: our side gave it up by `close` or `abort`.

    ``server_hostname`` is for the client's side: the name to ask for, and to check the certificate against.
    """

    __slots__ = (
        "_alive",
        "_backlog",
        "_backlog_size",
        "_connected",
        "_context",
        "_cut",
        "_deadline",
        "_ending",
        "_failure",
        "_full",
        "_handshake_timeout",
        "_held",
        "_hello",
        "_hostname",
        "_incoming",
        "_info",
        "_make_owner",
        "_name",
        "_on_failed",
        "_outgoing",
        "_owner",
        "_paused",
        "_raw",
        "_server_side",
        "_settled",
        "_ssl",
        "_timers",
        "state",
    )

    _raw: Transport
    _ssl: ssl.SSLObject
    _owner: Receiver | None

    def __init__(
        self,
        context: ServerContext | ssl.SSLContext,
        timers: Timers,
        *,
        make_owner: Callable[[TLSTransport], Receiver],
        on_failed: Callable[[Exception], object],
        server_side: bool = True,
        server_hostname: str | None = None,
        handshake_timeout: float | None = TLS_HANDSHAKE_TIMEOUT,
    ) -> None:
        self.state = HANDSHAKE
        self._connected = False  # there is a raw transport
        self._context = context
        self._timers = timers
        self._deadline = Deadline(timers, self._expired)
        self._make_owner = make_owner
        self._on_failed = on_failed
        self._server_side = server_side
        self._hostname = server_hostname
        self._handshake_timeout = handshake_timeout
        # A server has no SSLObject until it has the ClientHello.
        self._hello = ClientHello() if server_side else None
        self._info: TLSInfo | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._owner = None
        self._failure: Exception | None = None
        # Reading.
        self._alive = False  # what comes is decrypted and handed on, now or after resume_reading()
        self._paused = False
        self._cut = False  # the raw stream ended while we were paused
        # Writing.
        self._full = False  # the raw transport asked us to pause
        self._held = False  # we asked the owner, until nothing waits here
        self._backlog: deque[memoryview] = deque()
        self._backlog_size = 0
        self._ending = Ending.OPEN
        self._settled = False  # an error below can only concern our last close_notify: nobody's loss

    # --- Receiver: what the raw transport calls

    def connection_made(self, raw: Transport, /) -> None:
        self._raw = raw
        self._connected = True
        if self.state is CLOSED:
            raw.abort()
            return
        if self._handshake_timeout is not None:
            self._deadline.set(self._timers.time() + self._handshake_timeout)
        if not self._server_side:
            self._begin(self._hostname)
            self._shake()

    def data_received(self, data: bytes, /) -> None:
        if len(data) > STEP:
            for start in range(0, len(data), STEP):
                self.data_received(data[start : start + STEP])
        elif self._alive:
            self._incoming.write(data)
            if not self._paused:
                self._deliver()
        elif self.state is HANDSHAKE:
            self._listen(data)
        # Else it is read and dropped: bytes left unread would make our close a reset.

    def eof_received(self) -> bool:
        if self.state is HANDSHAKE:
            self._fail_handshake("EOF")
            self._move(E.CUT)
            return False
        if not self._alive:
            return self.state is not CLOSED  # what is written still goes out
        if self._paused:
            self._cut = True  # what came before is still to be read
            return True
        self._truncated()
        return False

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._deadline.close()
        if self.state is HANDSHAKE:
            self._fail_handshake(str(exc or "EOF"))
        elif self._alive and exc is None:
            self._failure = self._without_close_notify()
        if self.state is not CLOSED:
            self._end(E.LOST)
        if self._settled:
            exc = None
        if self._owner is not None:
            self._owner.connection_lost(self._failure or exc)
        else:
            self._on_failed(self._failure or exc or TLSError("closed before it had an owner"))

    def pause_writing(self) -> None:
        self._full = True
        if self._owner is not None and not self._held:
            self._held = True
            self._owner.pause_writing()

    def resume_writing(self) -> None:
        self._full = False
        self._pump()
        if self._held and not self._full and self._owner is not None:
            self._held = False
            self._owner.resume_writing()

    # --- Transport: what the owner calls to write

    def write(self, data: Buffer, /) -> None:
        """Encrypt and send ``data``, or keep it until the peer takes it.  Ignored once closing.

        Raises RuntimeError after `write_eof`.
        """
        if self._ending is not Ending.OPEN or self.state is CLOSED:
            if self._ending is Ending.HALF:
                raise RuntimeError("write() after write_eof()")
        elif self._full or self._backlog or len(data) > STEP:
            self._keep(data)
            self._pump()
        elif data:
            try:
                self._ssl.write(data)
            except ssl.SSLWantReadError:
                self._keep(data)
            self._raw.write(self._outgoing.read())

    def writelines(self, list_of_data: Iterable[Buffer], /) -> None:
        """As `write` of the pieces joined: small ones share a record."""
        pieces = list(list_of_data)
        if sum(map(len, pieces)) <= STEP:
            self.write(b"".join(pieces))
        else:
            for piece in pieces:
                self.write(piece)

    def write_eof(self) -> None:
        """Once everything is sent, send close_notify and close the raw transport's half; reading goes on."""
        if self._ending is Ending.OPEN and self._owner is not None:
            self._ending = Ending.HALF
            self._pump()

    def can_write_eof(self) -> bool:
        return True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the raw transport's marks, in bytes, encrypted."""
        self._raw.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Bytes not yet given to the kernel, encrypted or still to be."""
        return self._raw.get_write_buffer_size() + self._backlog_size

    # --- Transport: what the owner calls to read

    def pause_reading(self) -> None:
        """Hand on nothing until `resume_reading`; the peer's end is not seen either."""
        if self._alive and not self._paused and not self._raw.is_closing():
            self._paused = True
            self._raw.pause_reading()

    def resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            asyncio.get_running_loop().call_soon(self._resume)  # never the owner from inside its own call

    def _resume(self) -> None:
        if self._alive and not self._paused and self._incoming.pending:
            try:
                self._deliver()
            except Exception as exc:  # what a loop's own transport does when its protocol raises
                self._failure = exc
                self.abort()
                raise
        if self._paused:
            return
        if self._alive and self._cut:
            self._truncated()
        if not self._raw.is_closing():
            self._raw.resume_reading()

    # --- Transport: the end

    def close(self) -> None:
        """Send what is written, then close_notify, then end.  The peer's close_notify is not awaited.

        Bytes of the peer that the kernel still holds then become a reset, as with any socket: whoever wants
        the peer to read the last answer calls `write_eof` first, and reads for a while.
        """
        if self.state is HANDSHAKE:
            self.abort()
        elif self._ending is not Ending.WHOLE and self.state is not CLOSED:
            self._ending = Ending.WHOLE
            self._alive = False
            self._pump()

    def abort(self) -> None:
        """Drop what is unsent and end as soon as the loop comes round, without close_notify."""
        if self.state is HANDSHAKE:
            self._failure = Cancelled(f"TLS handshake with {self._peer()} given up")
        if self.state is not CLOSED:
            self._end(E.DROP)
        if self._connected:
            self._raw.abort()  # else it is dropped when it comes

    def is_closing(self) -> bool:
        return self._ending is Ending.WHOLE or self.state is CLOSED

    # --- Transport: the rest

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """After the handshake ``alpn``, ``cipher``, ``peercert``, ``ssl_object``, and ``tls``: a `TLSInfo`.

        Everything else is the raw transport's.
        """
        if self._info is not None:
            match name:
                case "alpn":
                    return self._info.alpn
                case "cipher":
                    return self._ssl.cipher()
                case "peercert":
                    return self._ssl.getpeercert()
                case "ssl_object":
                    return self._ssl
                case "tls":
                    return self._info
        return self._raw.get_extra_info(name, default)

    def set_protocol(self, protocol: Receiver, /) -> None:
        """Give the connection to another owner, from the next event on."""
        self._owner = protocol

    def __repr__(self) -> str:
        return f"<TLSTransport {self._peer()} {self.state.name}, {self._backlog_size} bytes to encrypt>"

    # --- the handshake

    def _listen(self, data: bytes) -> None:
        """Go on with what came: first to the ClientHello, whose name chooses the context."""
        if self._hello is not None:
            if not self._hello.feed(data):
                return
            data, name = bytes(self._hello.data), self._hello.server_name
            self._hello = None
            if data.startswith(HTTP_STARTS):
                self._fail_handshake("client sent an HTTP request to an HTTPS server")
                self._say_last(HTTP_ANSWER)
                return
            self._begin(name)
        self._incoming.write(data)
        self._shake()

    def _begin(self, name: str | None) -> None:
        context = self._context.select(name) if isinstance(self._context, ServerContext) else self._context
        self._ssl = context.wrap_bio(self._incoming, self._outgoing, self._server_side, self._hostname)
        self._name = name

    def _shake(self) -> None:
        try:
            self._ssl.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLError as exc:
            self._fail_handshake(_reason(exc))
            self._say_last(self._outgoing.read())
            return
        self._flush()
        self._move(E.DONE)
        self._info = TLSInfo(self._ssl, self._name)
        self._deadline.clear()
        self._alive = True
        self._owner = owner = self._make_owner(self)
        del self._make_owner, self._on_failed  # they hold the first owner, who may give the connection away
        owner.connection_made(self)
        if self._full:
            self.pause_writing()
        if self._alive and not self._paused and self._incoming.pending:
            self._deliver()

    def _fail_handshake(self, reason: str) -> None:
        self._failure = TLSError(f"TLS handshake error from {self._peer()}: {reason}")

    def _expired(self) -> None:
        """The handshake took too long; or, later, the peer did not take our last word."""
        if self.state is HANDSHAKE:
            message = f"TLS handshake error from {self._peer()}: not done in {self._handshake_timeout:g} s"
            self._failure = Timeout("tls_handshake_timeout", message)
            self._end(E.TIMEOUT)
        self._raw.abort()

    # --- reading

    def _deliver(self) -> None:
        """Decrypt what came and hand it on, record by record, until there is no whole one left."""
        read, incoming = self._ssl.read, self._incoming
        while True:
            try:
                plain = read(RECORD)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:  # close_notify, when ours is out already
                plain = b""
            except ssl.SSLError as exc:
                self._broken(exc)
                return
            if not plain:
                self._notified()
                return
            self._owner.data_received(plain)  # type: ignore[union-attr]  # there is one while we are alive
            # Asking OpenSSL in vain costs an exception: ask only where another record has begun.
            if self._paused or not self._alive or not incoming.pending:
                break
        if self._outgoing.pending:
            self._flush()
        if self._backlog and not self._full:
            self._pump()

    def _notified(self) -> None:
        """The peer's close_notify: a clean end.  The owner says whether it has more to send."""
        self._alive = False
        self._move(E.NOTIFIED)
        more = self._owner.eof_received()  # type: ignore[union-attr]
        if self.state is CLOSED:
            self._raw.close()
        elif not more:
            self.close()

    def _truncated(self) -> None:
        self._failure = self._without_close_notify()
        self._end(E.CUT)
        self._raw.abort()

    def _without_close_notify(self) -> TLSError:
        return TLSError(f"{self._peer()} ended the TLS stream without close_notify: it may be truncated")

    def _broken(self, exc: ssl.SSLError) -> None:
        self._failure = TLSError(f"TLS error from {self._peer()}: {_reason(exc)}")
        self._say_last(b"" if self.state is CLOSING else self._outgoing.read())

    # --- writing

    def _keep(self, data: Buffer) -> None:
        """Leave ``data`` for `_pump`: as it is where it cannot change, else a copy."""
        if data:
            self._backlog.append(memoryview(data if isinstance(data, bytes) else bytes(data)))
            self._backlog_size += len(self._backlog[-1])

    def _pump(self) -> None:
        """Encrypt what waits, as far as the raw transport takes it; after the last, what was to follow."""
        backlog = self._backlog
        while backlog and not self._full and not self._raw.is_closing():
            piece = backlog[0]
            try:
                done = self._ssl.write(piece[:STEP])
            except ssl.SSLWantReadError:
                break  # OpenSSL renegotiates: `_deliver` comes back here when the peer has answered
            self._backlog_size -= done
            if done < len(piece):
                backlog[0] = piece[done:]
            else:
                backlog.popleft()
            self._flush()
        if not backlog and self._ending is not Ending.OPEN and self.state is not CLOSED:
            self._finish()

    def _finish(self) -> None:
        """Everything is sent: send close_notify, once, and close as far as was asked."""
        if self.state in SPEAKING:
            self._send_close_notify()
            if self.state is CLOSING and self._ending is Ending.HALF:
                self._raw.write_eof()
        if self.state is CLOSING and self._ending is Ending.WHOLE:
            self._move(E.DROP)
        if self.state is CLOSED:
            self._raw.close()

    def _send_close_notify(self) -> None:
        self._settled = self.state is RECEIVED and not self._raw.get_write_buffer_size()
        # OpenSSL goes on to look for the peer's, and takes bytes it finds instead for an error: hide them.
        unread = self._incoming.read()
        try:
            self._ssl.unwrap()
        except ssl.SSLError:
            pass  # the peer's is still to come
        self._incoming.write(unread)
        self._flush()
        self._move(E.SENT)

    def _flush(self) -> None:
        if self.state is HANDSHAKE or self.state in SPEAKING:
            self._raw.write(self._outgoing.read())

    # --- the end

    def _say_last(self, data: bytes) -> None:
        """Refuse: send ``data``, then read and drop for a while, so that the peer sees it and no reset."""
        self._end(E.BROKEN)
        if data:
            self._raw.write(data)
        self._raw.write_eof()
        self._deadline.set(self._timers.time() + LINGER_TIMEOUT)

    def _end(self, event: Event) -> None:
        """From here on nothing is handed on, and nothing of what waits is sent."""
        self._move(event)
        self._alive = False
        self._backlog.clear()
        self._backlog_size = 0

    def _move(self, event: Event) -> None:
        self.state = NEXT[self.state, event]

    def _peer(self) -> str:
        """The peer's address, as in a log line."""
        name = self._raw.get_extra_info("peername")
        if isinstance(name, tuple):
            host, port = name[:2]
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return str(name) if name else "a Unix socket"


class Ending(IntEnum):
    """What the owner asked to follow the last byte it wrote."""

    OPEN = 0
    HALF = 1  # write_eof()
    WHOLE = 2  # close()


def _reason(exc: ssl.SSLError) -> str:
    """What went wrong, in words: without OpenSSL's numbers and the line of Python's C file."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {exc.verify_message}"
    return exc.reason.replace("_", " ").lower() if exc.reason else "EOF"


SPEAKING: Final = frozenset({ESTABLISHED, RECEIVED})  # where our close_notify is still to come

# Bytes asked of OpenSSL at a time: the most that a record holds (RFC 8446 5.1), so that none is left inside.
RECORD: Final = 16 << 10

# Bytes encrypted or decrypted at a time.  The memory between OpenSSL and us keeps the size of the most
# it ever held, for the life of the connection: at 256 KiB an idle one would hold half a MiB.
STEP: Final = 16 << 10

# A plain request on this port gets an answer that a person can read (as Go's server does).
HTTP_STARTS: Final = (b"GET /", b"HEAD ", b"POST ", b"PUT /", b"OPTIO")
HTTP_ANSWER: Final = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
