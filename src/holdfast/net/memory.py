"""Two transports with no kernel between them.

A test on ``pair()`` needs no port and no file descriptor, and says the same thing on
every run; ``tests/net/test_memory.py`` holds it, TCP and Unix sockets to one
contract, so what passes here passes there.

What the kernel does is done here as Linux does it: bytes arrive in a later turn
of the loop, those of one turn in one piece; a reader that pauses fills the pipe and
then the writer's buffer; closing with bytes unread, or writing to an end that
is gone, resets the other end.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .transport import Buffer, Receiver

__all__ = ["PIPE_SIZE", "MemoryTransport", "pair"]

# Bytes one direction holds between the two ends, as a socket buffer does.
PIPE_SIZE: Final = 64 << 10

Name = tuple[str, int]


def pair(
    near: Name = ("192.0.2.1", 50000), far: Name = ("192.0.2.2", 80)
) -> tuple[MemoryTransport, MemoryTransport]:
    """Return two joined ends on the running loop; each begins with its ``start(receiver)``.

    ``near`` and ``far`` are what they give as their socket names.
    """
    loop = asyncio.get_running_loop()
    one, other = MemoryTransport(loop, near), MemoryTransport(loop, far)
    one._peer, other._peer = other, one
    return one, other


class MemoryTransport:
    """One end of a pair: a ``Transport``, as a loop would make it for a socket."""

    __slots__ = (
        "_broken",
        "_closing",
        "_eof_seen",
        "_eof_written",
        "_gone",
        "_high",
        "_inbox",
        "_inbox_eof",
        "_inbox_size",
        "_loop",
        "_low",
        "_name",
        "_paused",
        "_peer",
        "_reads",
        "_receiver",
        "_unsent",
        "_unsent_size",
        "_writer_paused",
    )

    _peer: MemoryTransport
    _receiver: Receiver

    def __init__(self, loop: asyncio.AbstractEventLoop, name: Name) -> None:
        self._loop = loop
        self._name = name
        # What came and was not read yet, and what comes after it.
        self._inbox: list[bytes] = []
        self._inbox_size = 0
        self._inbox_eof = False
        self._broken: ConnectionError | None = None
        self._paused = True  # until started
        self._reads = False  # a call of _read is on its way
        self._eof_seen = False
        # What was written and did not fit into the peer's inbox.
        self._unsent: deque[bytes] = deque()
        self._unsent_size = 0
        self._eof_written = False
        self._writer_paused = False
        self._closing = False
        self._gone = False  # connection_lost is on its way
        self.set_write_buffer_limits()

    def start(self, receiver: Receiver) -> None:
        """Tell ``receiver`` of this end in the loop's next turn, then let it read.  Call once."""
        self._receiver = receiver
        self._loop.call_soon(receiver.connection_made, self)
        self._loop.call_soon(self.resume_reading)

    # --- Transport: writing

    def write(self, data: Buffer, /) -> None:
        piece = bytes(memoryview(data))
        if self._eof_written:
            raise RuntimeError("write() after write_eof()")
        if self._closing or not piece:
            return
        self._unsent.append(piece)
        self._unsent_size += len(piece)
        self._send()
        self._pause_writer()

    def writelines(self, list_of_data: Iterable[Buffer], /) -> None:
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        if not self._closing and not self._eof_written:
            self._eof_written = True
            self._send()

    def can_write_eof(self) -> bool:
        return True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if high is None:
            high = 64 << 10 if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high}) must be at least low ({low}), and low at least 0")
        self._high, self._low = high, low
        self._pause_writer()

    def get_write_buffer_size(self) -> int:
        return self._unsent_size

    # --- Transport: reading

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        self._wake()

    # --- Transport: the end

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._send()

    def abort(self) -> None:
        self._lose(None)

    def is_closing(self) -> bool:
        return self._closing

    # --- Transport: the rest

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        match name:
            case "sockname":
                return self._name
            case "peername":
                return self._peer._name
        return default

    def set_protocol(self, protocol: Receiver, /) -> None:
        self._receiver = protocol

    def __repr__(self) -> str:
        state = "gone" if self._gone else "closing" if self._closing else "open"
        return f"<MemoryTransport {self._name[0]}:{self._name[1]} {state}, {self._unsent_size} bytes unsent>"

    # --- what the kernel would do

    def _send(self) -> None:
        """Move unsent bytes to the peer as far as they fit; after the last, what was to follow them."""
        peer = self._peer
        if self._unsent and peer._gone:
            self._lose(ConnectionResetError("the other end is gone"))
            return
        while self._unsent and (room := PIPE_SIZE - peer._inbox_size) > 0:
            piece = self._unsent.popleft()
            if len(piece) > room:
                self._unsent.appendleft(piece[room:])
                piece = piece[:room]
            self._unsent_size -= len(piece)
            peer._inbox.append(piece)
            peer._inbox_size += len(piece)
        if not self._unsent:
            if self._eof_written:
                peer._inbox_eof = True
            if self._closing:
                self._lose(None)
        peer._wake()

    def _wake(self) -> None:
        """Have ``_read`` called in the loop's next turn, if there is something for it to do."""
        something = self._inbox or self._broken or self._inbox_eof
        if something and not (self._reads or self._paused or self._eof_seen or self._closing):
            self._reads = True
            self._loop.call_soon(self._read)

    def _read(self) -> None:
        self._reads = False
        if self._paused or self._closing:
            return
        try:
            if self._inbox:
                self._receiver.data_received(self._take_inbox())
            elif self._broken:
                self._lose(self._broken)
            else:
                self._eof_seen = True  # from here on nothing is read, as the loops do
                if not self._receiver.eof_received():
                    self.close()
        except Exception as exc:
            context = {"message": "the receiver raised", "exception": exc, "transport": self}
            self._loop.call_exception_handler(context)
            self._lose(exc)
        self._peer._resume_writer()
        self._wake()

    def _take_inbox(self) -> bytes:
        data = b"".join(self._inbox)
        self._inbox.clear()
        self._inbox_size = 0
        return data

    def _pause_writer(self) -> None:
        if self._unsent_size > self._high and not self._writer_paused:
            self._writer_paused = True
            self._receiver.pause_writing()

    def _resume_writer(self) -> None:
        """The peer has read: send more, and tell the writer when little is left."""
        if self._unsent:
            self._send()
        if self._writer_paused and self._unsent_size <= self._low and not self._gone:
            self._writer_paused = False
            self._receiver.resume_writing()

    def _lose(self, exc: Exception | None) -> None:
        """Send no more, and end in the loop's next turn."""
        if not self._gone:
            self._gone = self._closing = True
            self._unsent.clear()
            self._unsent_size = 0
            self._loop.call_soon(self._end, exc)

    def _end(self, exc: Exception | None) -> None:
        peer = self._peer
        if self._take_inbox() or peer._unsent:
            peer._broken = ConnectionResetError("the other end closed with bytes unread")
        else:
            peer._inbox_eof = True
        peer._wake()
        self._receiver.connection_lost(exc)
