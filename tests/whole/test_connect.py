"""CONNECT: 2xx makes a tunnel of the connection, anything else is an ordinary answer and its last.

RFC 9110 section 9.3.6; Go's net/http serve_test.go.
"""

from __future__ import annotations

import pytest

from holdfast.testing import serving, settle
from holdfast.wire.persistence import CloseReason
from tests.whole.modes import every_mode

CONNECT = b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"


# TestServerCONNECTSuccess
@every_mode
@pytest.mark.parametrize("declares", [False, True], ids=["plain", "declared"])
@pytest.mark.rfc(
    "9110", "9.3.6", "A server MUST NOT send any Transfer-Encoding or Content-Length header fields in a 2xx"
)
async def test_a_tunnel_has_no_framing_and_ends_with_the_connection(mode, declares):
    async def handler(w, r):
        assert (r.method, r.target, r.host, r.path) == ("CONNECT", "example.com:443", "example.com:443", "")
        if declares:
            w.headers["Content-Length"] = "3"
        await w.write(b"raw")
        await w.flush()
        if not declares:
            await w.write(b" bytes")

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        await peer.send(CONNECT + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        head, _, body = (await peer.read_until_closed()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        for name in (b"Content-Length", b"Transfer-Encoding", b"Connection"):
            assert name not in head
        assert body == (b"raw" if declares else b"raw bytes")
        assert peer.ending == "eof"
        await peer.close()
        await settle()
        assert server.stats().closed_because == {CloseReason.CONNECT: 1}
        assert server.stats().requests == 1


# TestServerCONNECTSuccess: what a proxy does
@every_mode
async def test_a_tunnel_that_was_hijacked_is_its_handlers(mode):
    async def handler(w, r):
        w.write_header(200)
        stream, ahead = await w.hijack()
        await stream.write(b"<" + ahead + await stream.readexactly(4 + len(ahead)) + b">")
        await stream.close()

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(CONNECT + b"ab")
        assert (await peer.read_exactly(19)).startswith(b"HTTP/1.1 200 OK\r\n")
        await peer.send(b"cdef")
        assert (await peer.read_until_closed()).endswith(b"\r\n\r\n<ababcdef>")


# TestServerCONNECTFailure
@every_mode
async def test_a_refused_tunnel_is_framed_and_the_connection_closed(mode):
    async def handler(w, r):
        w.headers["Content-Length"] = "3"
        w.write_header(403)
        await w.write(b"no!")

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        await peer.send(CONNECT + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        response = await peer.read_response("CONNECT")
        assert (response.status, response.framing, response.body) == (403, "length", b"no!")
        assert response.header("Connection") == "close"
        assert await peer.expect_closed() == "eof"
        assert server.stats().requests == 1
