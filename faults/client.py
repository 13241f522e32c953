"""One client connection on a plain socket, which says exactly what became of each request.

Rule 1: nothing is retried here.
Rule 2: an outcome is decided by what the socket told us first: a byte, a FIN, a reset, or nothing.
"""

from __future__ import annotations

import asyncio
import socket
import time
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Connection", "Outcome", "Reply", "request", "whole"]


class Outcome(StrEnum):
    """What became of a request."""

    ANSWERED = "answered"  # whole, with status 200 and the body that was expected
    WRONG = "wrong"  # whole, and something else
    BEGAN = "began"  # some bytes of an answer, then the end; or its handler had started
    RESET = "reset"  # ECONNRESET or EPIPE without a byte: it was closed without being read
    CROSSED = "crossed"  # a clean FIN without a byte: it met our request on its way
    SILENT = "silent"  # nothing at all in the time we were ready to wait
    REFUSED = "refused"  # no connection: not sent


class Reply(NamedTuple):
    """The answer to one request, as far as it came.

    Attributes:
        status: 0 when not even the head came.
        closing: the connection takes no further request.
        seconds: from sending to the end of the answer, or to its failure.
    """

    outcome: Outcome
    status: int = 0
    body: bytes = b""
    closing: bool = True
    seconds: float = 0.0


class Connection(asyncio.Protocol):
    """A connection that carries one request at a time.

    Attributes:
        over: why no request can be sent any more: ``CROSSED`` after a FIN, ``RESET`` after a reset, or None.
        over_at: when that came, by ``time.monotonic``.
        received: bytes of the answer that is on its way.
    """

    def __init__(self) -> None:
        self.over: Outcome | None = None
        self.over_at = 0.0
        self.received = bytearray()
        self.transport: asyncio.Transport
        self._sock: socket.socket
        self._waiter: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, port: int, *, receive_buffer: int | None = None, timeout: float = 10.0) -> Connection:
        """Connect to a port of 127.0.0.1.  Raises OSError (TimeoutError after ``timeout`` seconds, too)."""
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        sock.setblocking(False)
        try:
            if receive_buffer is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            await asyncio.wait_for(loop.sock_connect(sock, ("127.0.0.1", port)), timeout)
            _, connection = await loop.create_connection(cls, sock=sock)
        except BaseException:
            sock.close()
            raise
        connection._sock = sock
        return connection

    async def ask(self, data: bytes, expected: bytes | None = None, *, timeout: float = 30.0) -> Reply:
        """Send a request and wait for its whole answer; ``expected`` is its body, None for any."""
        began = time.monotonic()
        self.received.clear()
        if self.over is None:
            self.transport.write(data)
        loop = asyncio.get_running_loop()
        reply = None
        try:
            async with asyncio.timeout(timeout):
                while (reply := whole(self.received)) is None and self.over is None:
                    self._waiter = loop.create_future()
                    await self._waiter
        except TimeoutError:
            return Reply(Outcome.SILENT, seconds=time.monotonic() - began)
        seconds = time.monotonic() - began
        if reply is None:
            assert self.over is not None
            return Reply(Outcome.BEGAN if self.received else self.over, seconds=seconds)
        right = reply.status == 200 and (expected is None or reply.body == expected)
        return reply._replace(outcome=Outcome.ANSWERED if right else Outcome.WRONG, seconds=seconds)

    def look(self) -> Outcome | None:
        """``over``, after a look at what the kernel has for us, as clients look before they reuse one."""
        if self.over is None:
            try:
                if not self._sock.recv(1, socket.MSG_PEEK):
                    self._end(Outcome.CROSSED)
            except BlockingIOError:
                pass
            except OSError:
                self._end(Outcome.RESET)
        return self.over

    async def wait_over(self, timeout: float) -> Outcome | None:
        """Wait for the server to end the connection; None when it did not in time."""
        try:
            async with asyncio.timeout(timeout):
                while self.over is None:
                    self._waiter = asyncio.get_running_loop().create_future()
                    await self._waiter
        except TimeoutError:
            return None
        return self.over

    def send(self, data: bytes) -> None:
        """Send bytes that are not meant to be a good request."""
        if self.over is None:
            self.transport.write(data)

    def close(self) -> None:
        """Leave: a FIN, or a reset when bytes lie unread."""
        self.transport.close()

    def reset(self) -> None:
        """Leave with a reset."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.transport.abort()

    # --- what the loop calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._wake()

    def eof_received(self) -> None:
        self._end(Outcome.CROSSED)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(Outcome.RESET if exc else Outcome.CROSSED)

    def _end(self, outcome: Outcome) -> None:
        if self.over is None:
            self.over, self.over_at = outcome, time.monotonic()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def request(
    target: str, *, method: str = "GET", body: bytes | None = None, close: bool = False, **fields: str
) -> bytes:
    """The bytes of a request."""
    lines: Mapping[str, str] = {"Host": "127.0.0.1", **fields}
    if body is not None:
        lines = {**lines, "Content-Length": str(len(body))}
    if close:
        lines = {**lines, "Connection": "close"}
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in lines.items()
    )
    return head.encode() + b"\r\n" + (body or b"")


def whole(data: bytes | bytearray) -> Reply | None:
    """The answer at the beginning of ``data``, not judged yet; None while something is missing."""
    head, found, rest = bytes(data).partition(b"\r\n\r\n")
    if not found:
        return None
    lines = head.lower().split(b"\r\n")
    fields = dict(line.split(b": ", 1) for line in lines[1:])
    if b"content-length" in fields:
        length = int(fields[b"content-length"])
        if len(rest) < length:
            return None
        body = rest[:length]
    elif b"transfer-encoding" in fields:
        if not rest.endswith(b"0\r\n\r\n"):
            return None
        body = _dechunked(rest)
    else:
        return None
    closing = fields.get(b"connection") == b"close"
    return Reply(Outcome.ANSWERED, int(lines[0].split()[1]), body, closing)


def _dechunked(data: bytes) -> bytes:
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        if not (length := int(size, 16)):
            return body
        body, data = body + data[:length], data[length + 2 :]
