"""Call a handler without a server: a request made of parts, and a writer that keeps what was written.

Both are the real ones, on the real exchange, connection and wire; only the transport is not:
it keeps bytes.  So what a handler sees here, and what its peer would, is what a server makes of it.

Go's net/http/httptest ``ResponseRecorder`` and ``NewRequest``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdfast.errors import ConnectionReset, RemoteProtocolError
from holdfast.message import Request
from holdfast.net.clock import FakeClock
from holdfast.server.conn import Conn
from holdfast.server.exchange import Exchange
from holdfast.server.response import ResponseWriter
from holdfast.server.server import Server
from holdfast.testing.messages import Fields, WireResponse, read_response, request_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from holdfast.net.transport import Buffer, Receiver

__all__ = ["Recorded", "Recorder", "recorder", "request"]


def recorder(
    method: str = "GET",
    target: str = "/",
    *,
    headers: Fields = (),
    body: bytes | Sequence[bytes] = b"",
    **settings: Any,
) -> tuple[Recorder, Request]:
    """Return a writer that keeps what is written, and the request it answers; needs a running loop.

    Args:
        body: its bytes, sent with their length; or pieces, each sent as a chunk.
        settings: of the ``Server`` that would have received it.

    Raises RemoteProtocolError for a request that a server refuses.
    """
    server = Server(_not_called, **settings)
    server.use_clock(FakeClock())
    conn = _WithoutTask(server, None)
    transport = _Kept()
    conn.connection_made(transport)
    conn.data_received(request_bytes(method, target, headers, body, host="example.com"))
    head, conn._head = conn._head, None
    if head is None:
        raise RemoteProtocolError(f"a server answers {transport.data[:60]!r}")
    conn.current = exchange = Exchange(conn, head)
    return Recorder(exchange, transport), Request(exchange)


def request(
    method: str = "GET", target: str = "/", *, headers: Fields = (), body: bytes | Sequence[bytes] = b""
) -> Request:
    """Return a request, for what wants no writer.  Raises as ``recorder``."""
    return recorder(method, target, headers=headers, body=body)[1]


@dataclass(slots=True)
class Recorded(WireResponse):
    """A response as its peer would have read it.

    Attributes:
        flushed: its head left before the handler had returned.
    """

    flushed: bool = False


class Recorder(ResponseWriter):
    """A ``ResponseWriter`` whose response can be looked at."""

    __slots__ = ("_result", "_transport")

    def __init__(self, exchange: Exchange, transport: _Kept) -> None:
        super().__init__(exchange)
        self._transport = transport
        self._result: Recorded | None = None

    async def result(self) -> Recorded:
        """End the response, as the server does once the handler has returned, and give it back.

        Raises what ending it raises, and BrokenResponse when the handler hijacked or aborted it.
        """
        if self._result is None:
            flushed = self.exchange.status != 0
            try:
                await self.finish()
            finally:
                self.exchange.finish()
                await self.exchange.server.close()
            response = await read_response(_Bytes(bytes(self._transport.data)), self.exchange.head.method)
            parts = {name: getattr(response, name) for name in WireResponse.__slots__}
            self._result = Recorded(**parts, flushed=flushed)
        return self._result


class _WithoutTask(Conn):
    """A connection whose one request is answered by who made it."""

    __slots__ = ()

    def _start(self) -> None:
        pass


class _Kept:
    """A transport that keeps what is written to it until it is closed."""

    __slots__ = ("_closing", "data")

    def __init__(self) -> None:
        self.data = bytearray()
        self._closing = False

    def write(self, data: Buffer, /) -> None:
        if not self._closing:
            self.data += data

    def writelines(self, list_of_data: Iterable[Buffer], /) -> None:
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        self._closing = True

    def can_write_eof(self) -> bool:
        return True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass  # it takes everything at once

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass  # the whole request is there

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        self._closing = True

    def abort(self) -> None:
        self._closing = True

    def is_closing(self) -> bool:
        return self._closing

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return _NAMES.get(name, default)

    def set_protocol(self, protocol: Receiver, /) -> None:
        pass  # nothing comes


class _Bytes:
    """Bytes to read a response from."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    async def read(self, n: int) -> bytes:
        return self._take(min(n, len(self._data) - self._at))

    async def readexactly(self, n: int) -> bytes:
        return self._take(n)

    async def readuntil(self, separator: bytes) -> bytes:
        found = self._data.find(separator, self._at)
        return self._take(found - self._at + len(separator) if found >= 0 else len(self._data) + 1)

    def _take(self, n: int) -> bytes:
        start, self._at = self._at, self._at + n
        if self._at > len(self._data):
            raise ConnectionReset(f"the response ends after {len(self._data)} bytes")
        return self._data[start : self._at]


async def _not_called(w: ResponseWriter, r: Request) -> None:
    raise AssertionError("a recorder's server has no handler")


_NAMES = {"peername": ("192.0.2.1", 1234), "sockname": ("192.0.2.2", 80)}
