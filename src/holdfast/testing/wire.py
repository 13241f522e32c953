"""A client for tests that speaks bytes: what a peer may do, honest or not, is done by hand.

``WireClient`` opens connections to one server; a ``WirePeer`` is one of them.  ``request`` is the
short way, on a connection that is kept as long as the server keeps it.

Rule: every wait is bounded by real time and says what it waited for (``waiting``).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal, cast

from holdfast.errors import ConnectionReset, Timeout
from holdfast.net.address import parse_addr
from holdfast.net.clock import LoopClock
from holdfast.net.memory import MemoryTransport, pair
from holdfast.net.stream import Stream
from holdfast.net.tasks import cancel, spawn
from holdfast.net.timers import Timers
from holdfast.net.tls import TLSTransport
from holdfast.testing.certificates import client_side
from holdfast.testing.messages import Fields, WireResponse, pairs, read_response, request_bytes
from holdfast.testing.waiting import settle, within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.net.transport import Receiver, Transport
    from holdfast.server.server import Server

__all__ = ["WireClient", "WirePeer"]


class WirePeer:
    """One connection to the server, raw.

    Attributes:
        stream: the connection itself, for what has no method here.
        ending: how the server ended it, once that was read: "eof" for a half closed in order,
            "reset" for one that broke (on TLS also an end without close_notify).
    """

    __slots__ = ("ending", "stream")

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.ending: Literal["", "eof", "reset"] = ""

    def __repr__(self) -> str:
        return f"<WirePeer {self.stream!r} {self.ending}>"

    async def send(self, data: bytes) -> None:
        """Send ``data``; waits while the server takes nothing."""
        await within(self.stream.write(data), f"the server to take {len(data)} bytes")

    def send_eof(self) -> None:
        """Close our half."""
        self.stream.close_write()

    def abort(self) -> None:
        """Go without a word."""
        self.stream.abort()

    async def read_response(self, method: str = "GET") -> WireResponse:
        """Read the response to a ``method`` request.  Raises BrokenResponse when that is not what comes."""
        return await within(read_response(self.stream, method), f"the response to {method} on {self!r}")

    async def read_exactly(self, n: int) -> bytes:
        """Read ``n`` bytes.  Raises ConnectionReset when the server ends before."""
        return await within(self.stream.readexactly(n), f"{n} bytes on {self!r}")

    async def read_until_closed(self) -> bytes:
        """Read all that comes until the server ends the connection; ``ending`` says how."""
        return await within(self._rest(), f"the server to close {self!r}")

    async def expect_closed(self) -> Literal["eof", "reset"]:
        """Wait until the server has ended the connection without another byte, and say how."""
        if rest := await self.read_until_closed():
            raise AssertionError(f"expected the connection to be closed; got {rest[:200]!r} first")
        return "eof" if self.ending == "eof" else "reset"

    async def arrived(self) -> bytes:
        """Let the loop settle and take what has come by then; b"" when nothing has, or the end."""
        await settle()
        self.stream.set_read_deadline(0.0)
        try:
            return await self.stream.read()
        except (Timeout, ConnectionReset):
            return b""
        finally:
            self.stream.set_read_deadline(None)

    async def close(self) -> None:
        """Close both halves, and wait until that is done."""
        await within(self.stream.close(), f"{self!r} to close")

    async def _rest(self) -> bytes:
        pieces = []
        try:
            while data := await self.stream.read():
                pieces.append(data)
            self.ending = "eof"
        except ConnectionReset:
            self.ending = "reset"
        return b"".join(pieces)


class WireClient:
    """Connections to one server, over memory or loopback, plain or in TLS.  ``serving`` makes it."""

    __slots__ = ("_memory", "_peers", "_server", "_standing", "_tls")

    def __init__(self, server: Server, *, memory: bool, tls: bool) -> None:
        self._server = server
        self._memory = memory
        self._tls = tls
        self._peers: list[WirePeer] = []
        self._standing: WirePeer | None = None

    async def connect(self) -> WirePeer:
        """Open another connection.  Raises TLSError when the handshake fails, DialError for no server."""
        stream = _OpenedStream()
        receiver: Receiver = stream
        if self._tls:
            receiver = TLSTransport(
                client_side(),
                Timers(LoopClock()),
                make_owner=lambda _: stream,
                on_failed=stream.opened.set_exception,
                server_side=False,
                server_hostname="localhost",
                handshake_timeout=None,
            )
        await (self._join(receiver) if self._memory else self._dial(receiver))
        await within(stream.opened, "the connection to open")
        peer = WirePeer(stream)
        self._peers.append(peer)
        return peer

    async def _join(self, receiver: Receiver) -> None:
        near, far = pair(near=("192.0.2.1", 50000 + len(self._peers)))
        self._server.serve_transport(far.start)
        await _attach(near, receiver)

    async def _dial(self, receiver: Receiver) -> None:
        address = parse_addr(self._server.addresses[0])
        loop = asyncio.get_running_loop()
        await loop.create_connection(
            lambda: cast("asyncio.Protocol", receiver), address.host or "localhost", address.port
        )

    async def request(
        self,
        method: str,
        target: str = "/",
        *,
        headers: Fields = (),
        body: bytes | Sequence[bytes] = b"",
        close: bool = False,
    ) -> WireResponse:
        """Send a request and read its response, on the connection of the last one if that is kept.

        Args:
            body: its bytes, sent with their length; or pieces, each sent as a chunk.
            close: add ``Connection: close``.
        """
        fields = pairs(headers)
        if close:
            fields.append(("Connection", "close"))
        data = request_bytes(method, target, fields, body)
        peer, self._standing = self._standing or await self.connect(), None
        sending = spawn(peer.stream.write(data))  # the answer may come before all of it is taken
        try:
            response = await peer.read_response(method)
        finally:
            await cancel(sending)
        if not response.closed and (response.header("Connection") or "").lower() != "close":
            self._standing = peer
        return response

    async def get(self, target: str = "/", **more: Any) -> WireResponse:
        """``request("GET", ...)``."""
        return await self.request("GET", target, **more)

    async def post(self, target: str = "/", **more: Any) -> WireResponse:
        """``request("POST", ...)``."""
        return await self.request("POST", target, **more)

    async def close(self) -> None:
        """Cut every connection."""
        for peer in self._peers:
            peer.abort()
        for peer in self._peers:
            await peer.close()
        self._peers.clear()


class _OpenedStream(Stream):
    """A stream that tells when it is connected."""

    __slots__ = ("opened",)

    def __init__(self) -> None:
        super().__init__()
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Transport) -> None:
        super().connection_made(transport)
        self.opened.set_result(None)


async def _attach(end: MemoryTransport, receiver: Receiver) -> None:
    end.start(receiver)
    await asyncio.sleep(0)  # connection_made is called in the loop's next turn
