"""A connection to await: what a hijacker, a WebSocket or a client holds.

The server's own connections do not come this way; they are receivers themselves
(``net.transport``).  A ``Stream`` is the receiver for code that reads and writes
in its own time: it keeps what came, holds the peer back when that is
much, and waits when the peer takes too little.

Rule 1: one reader at a time; any number of writers, in the order of their calls.
Rule 2: what has arrived can be read, whatever happened to the connection since.
Rule 3: an end is an end only if the peer said so.  A broken connection, and one that was
closed on this side, raise ConnectionReset instead.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, cast

from holdfast import limits
from holdfast.errors import ConnectionReset, DialError, LimitExceeded, NotSupported, Timeout, UsageError

from .address import Address, address_text
from .bind import explain
from .clock import LoopClock
from .timers import Deadline, Timers

if TYPE_CHECKING:
    from collections.abc import Callable

    from .transport import Buffer, Transport

__all__ = ["Stream", "connect"]


async def connect(address: Address, timers: Timers | None = None) -> Stream:
    """Connect to a TCP or Unix address.  Raises DialError, one line, when that cannot be done."""
    if address.fd is not None:
        raise ValueError(f"{address} is a socket already; it cannot be connected to")
    stream = Stream(timers)
    loop = asyncio.get_running_loop()

    def receiver() -> asyncio.Protocol:
        return cast("asyncio.Protocol", stream)

    try:
        if address.path is not None:
            await loop.create_unix_connection(receiver, address.path)
        else:
            await loop.create_connection(receiver, address.host or "localhost", address.port)
    except (OSError, ValueError) as exc:
        raise DialError(f"cannot connect to {address}: {explain(exc)}") from exc
    return stream


class Stream:
    """A two-way stream of bytes over a transport, whose receiver it is.

    Attributes:
        peer: the other end's address as text, ``host:port``, or "" where it has none.
        local: ours.
    """

    __slots__ = (
        "__weakref__",
        "_buffer",
        "_closed",
        "_eof",
        "_error",
        "_lost",
        "_read_deadline",
        "_reading",
        "_receiving",
        "_timers",
        "_transport",
        "_wake_reader",
        "_write_deadline",
        "_write_ended",
        "_writers",
        "_writing_paused",
        "local",
        "peer",
    )

    _transport: Transport

    def __init__(self, timers: Timers | None = None) -> None:
        """Make a receiver for a new transport; ``timers`` serve its deadlines, else it has its own."""
        self.peer = self.local = ""
        self._timers = timers
        self._buffer = bytearray()
        self._eof = False
        self._lost = False
        self._error: Exception | None = None  # what broke the connection
        self._reading = False  # somebody is in a read
        self._receiving = True  # the transport is not paused
        self._wake_reader: asyncio.Future[None] | None = None
        self._read_deadline: _Limit | None = None
        self._writing_paused = self._write_ended = False
        self._writers: set[asyncio.Future[None]] = set()
        self._write_deadline: _Limit | None = None
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    def take_over(
        cls,
        transport: Transport,
        leftover: bytes = b"",
        *,
        eof: bool = False,
        writing_paused: bool = False,
        timers: Timers | None = None,
    ) -> Stream:
        """Make a stream of a connection that had another receiver; that one hears nothing more.

        Args:
            leftover: what the old receiver got and did not use: read first.
            eof: the old receiver was told of the peer's end.
            writing_paused: the old receiver was told to pause writing, and not yet to resume.
        """
        stream = cls(timers)
        stream._buffer += leftover
        stream._eof = eof
        stream._writing_paused = writing_paused
        transport.set_protocol(stream)
        stream.connection_made(transport)
        transport.resume_reading()
        return stream

    # --- reading

    async def read(self, n: int = 65536) -> bytes:
        """Return what there is, at least one byte and at most ``n``; b"" once the peer has ended.

        Raises ConnectionReset, Timeout (the read deadline), and UsageError for a second read at once.
        """
        if n < 0:
            raise ValueError(f"read at most n bytes, and n is not negative: {n}")
        count = await self._until(lambda: min(n, len(self._buffer)) if self._buffer or n == 0 else -1)
        return self._take(max(count, 0))

    async def readexactly(self, n: int) -> bytes:
        """Return ``n`` bytes, however many that are.

        Raises as `read`, and ConnectionReset when the peer ends before; what came can still be read.
        """
        if n < 0:
            raise ValueError(f"a number of bytes is not negative: {n}")
        if await self._until(lambda: n if len(self._buffer) >= n else -1) < 0:
            raise ConnectionReset(f"expected {n} bytes, the peer ended after {len(self._buffer)}")
        return self._take(n)

    async def readuntil(self, separator: bytes = b"\n", limit: int = limits.MAX_READ_AHEAD) -> bytes:
        """Return the bytes up to and with ``separator``, at most ``limit``.

        Raises as `readexactly`, and LimitExceeded when the separator is not among the first ``limit`` bytes.
        """
        if not separator:
            raise ValueError("the separator is empty")
        searched = 0

        def found() -> int:
            nonlocal searched
            at = self._buffer.find(separator, searched, limit)
            searched = max(0, len(self._buffer) - len(separator) + 1)
            if at < 0 and len(self._buffer) >= limit:
                raise LimitExceeded("limit", f"expected {separator!r} within {limit} bytes")
            return at + len(separator) if at >= 0 else -1

        if (count := await self._until(found)) < 0:
            raise ConnectionReset(
                f"expected {separator!r}, the peer ended after {len(self._buffer)} bytes without it"
            )
        return self._take(count)

    def set_read_deadline(self, at: float | None) -> None:
        """Let reads that wait at time ``at``, or later, raise Timeout; None for never.

        ``at`` is in seconds on the clock of the timers, by default the loop's; a moment that has
        passed wakes the read that waits.  A new deadline makes reading possible again.
        """
        if self._read_deadline is None:
            self._read_deadline = _Limit(self._own_timers(), self._wake)
        self._read_deadline.set(at)

    # --- writing

    async def write(self, data: Buffer) -> None:
        """Send ``data``; returns when the connection can take more.

        Raises ConnectionReset; Timeout (the write deadline: ``data`` may be sent in part, and the
        stream is good for nothing but `abort`); UsageError after `close_write` or `close`.
        """
        self._check_writing()
        self._transport.write(data)
        await self._drained()

    def close_write(self) -> None:
        """End our half after what was written; reading goes on.

        Raises NotSupported where there are no halves, and ConnectionReset.
        """
        self._check_writing()
        if not self._transport.can_write_eof():
            raise NotSupported("this transport cannot close one half only")
        self._write_ended = True
        self._transport.write_eof()

    def set_write_deadline(self, at: float | None) -> None:
        """As `set_read_deadline`, for writes that wait for the peer; one that closes is aborted."""
        if self._write_deadline is None:
            self._write_deadline = _Limit(self._own_timers(), self._write_expired)
        self._write_deadline.set(at)

    # --- the end

    async def close(self) -> None:
        """Send what was written, close both halves, and wait until that is done."""
        if not self._lost:
            self._transport.close()
        await asyncio.shield(self._closed)

    def abort(self) -> None:
        """Close at once; what is unsent is dropped."""
        if not self._lost:
            self._transport.abort()

    def is_closing(self) -> bool:
        return self._lost or self._transport.is_closing()

    def __repr__(self) -> str:
        state = "closed" if self._lost else "closing" if self._transport.is_closing() else "open"
        return f"<Stream {self.local} to {self.peer} {state}, {len(self._buffer)} bytes to read>"

    # --- Receiver

    def connection_made(self, transport: Transport) -> None:
        self._transport = transport
        self.peer = address_text(transport.get_extra_info("peername"))
        self.local = address_text(transport.get_extra_info("sockname"))
        transport.set_write_buffer_limits(limits.WRITE_HIGH_WATER, limits.WRITE_LOW_WATER)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._wake()
        # A reader that waits says itself how much it wants; without one, the peer waits.
        if not self._reading and len(self._buffer) >= limits.MAX_READ_AHEAD and self._receiving:
            self._receiving = False
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._eof = True
        self._wake()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._error = exc
        self._wake()
        self._wake_writers()
        for deadline in (self._read_deadline, self._write_deadline):
            if deadline is not None:
                deadline.close()
        self._closed.set_result(None)

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._wake_writers()

    # --- below

    async def _until(self, enough: Callable[[], int]) -> int:
        """Wait until ``enough()`` is a number of bytes, and return it; -1 if the peer ends before."""
        if self._reading:
            raise UsageError("two reads of one stream at once")
        self._reading = True
        try:
            while (count := enough()) < 0 and not self._eof:
                if self._lost:
                    raise self._broken()
                if self._read_deadline is not None and self._read_deadline.expired:
                    raise Timeout("read_deadline")
                await self._more()
            return count
        finally:
            self._reading = False

    async def _more(self) -> None:
        """Wait for anything new: bytes, the end, the deadline."""
        if not self._receiving:
            self._receiving = True
            self._transport.resume_reading()
        self._wake_reader = asyncio.get_running_loop().create_future()
        try:
            await self._wake_reader
        finally:
            self._wake_reader = None

    def _take(self, count: int) -> bytes:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _wake(self) -> None:
        if self._wake_reader is not None and not self._wake_reader.done():
            self._wake_reader.set_result(None)

    def _check_writing(self) -> None:
        if self._lost:
            raise self._broken()
        if self._transport.is_closing():
            raise UsageError("the stream was closed")
        if self._write_ended:
            raise UsageError("the writing half was closed")
        if self._write_deadline is not None and self._write_deadline.expired:
            raise Timeout("write_deadline")

    async def _drained(self) -> None:
        while self._writing_paused:
            waiter = asyncio.get_running_loop().create_future()
            self._writers.add(waiter)
            try:
                await waiter
            finally:
                self._writers.discard(waiter)
            if self._lost:
                raise self._broken()
            if self._write_deadline is not None and self._write_deadline.expired:
                raise Timeout("write_deadline")

    def _wake_writers(self) -> None:
        for waiter in self._writers:
            if not waiter.done():
                waiter.set_result(None)

    def _write_expired(self) -> None:
        self._wake_writers()
        if self._transport.is_closing():
            self.abort()

    def _own_timers(self) -> Timers:
        if self._timers is None:
            self._timers = Timers(LoopClock())
        return self._timers

    def _broken(self) -> ConnectionReset:
        if self._error is None:
            return ConnectionReset("the connection was closed on this side")
        error = ConnectionReset(f"the connection broke: {self._error}")
        error.__cause__ = self._error
        return error


class _Limit:
    """A deadline that stays expired until it is set again."""

    __slots__ = ("_deadline", "_timers", "_wake", "expired")

    def __init__(self, timers: Timers, wake: Callable[[], None]) -> None:
        self._timers = timers
        self._wake = wake
        self._deadline = Deadline(timers, self._expire)
        self.expired = False

    def set(self, at: float | None) -> None:
        self.expired = False
        if at is None or at == inf:
            self._deadline.clear()
        elif at <= self._timers.time():
            self._deadline.clear()
            self._expire()
        else:
            self._deadline.set(at)

    def close(self) -> None:
        self._deadline.close()

    def _expire(self) -> None:
        self.expired = True
        self._wake()
