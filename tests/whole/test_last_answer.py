"""The last answer of a connection reaches its peer: half-close, linger, then close.

RFC 9112 section 9.6; Go's net/http serve_test.go.
"""

from __future__ import annotations

import pytest

from holdfast.net.tasks import cancel, spawn
from holdfast.testing import FakeClock, advance, serving, settle
from holdfast.wire.persistence import CloseReason
from tests.whole.modes import every_mode

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


# TestServerGracefulClose: over a real socket, where a reset would destroy the answer
@every_mode
@pytest.mark.parametrize("memory", [True, False], ids=["memory", "loopback"])
@pytest.mark.rfc("9112", "9.6", "servers typically close a connection in stages")
async def test_the_answer_to_a_large_upload_that_nobody_reads_arrives(mode, memory):
    async def handler(w, r):
        w.write_header(401)
        await w.write(b"bye")

    async with serving(handler, mode, memory=memory) as (client, _):
        for _ in range(3):
            peer = await client.connect()
            size = 5 << 20
            head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()
            sending = spawn(peer.stream.write(head + b"x" * size))
            response = await peer.read_response()
            assert (response.status, response.body) == (401, b"bye")
            assert response.header("Connection") == "close"
            await cancel(sending)


# S8: the half-close comes at once, the close with the peer's or with the clock
@every_mode
async def test_a_closing_connection_half_closes_and_lingers(mode):
    async def handler(w, r):
        w.headers["Connection"] = "close"

    clock = FakeClock()
    async with serving(handler, mode, clock=clock, linger_timeout=0.5) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        await peer.read_response()
        assert await peer.expect_closed() == "eof"
        await peer.send(b"x" * 100_000)  # read and dropped
        await advance(clock, 0.4)
        assert server.stats().by_state == {"linger": 1}
        await advance(clock, 0.1)
        assert server.stats().connections_open == 0
        assert server.stats().closed_because == {CloseReason.LOCAL_CLOSE: 1}


# S8
@every_mode
async def test_a_peer_that_has_read_its_answer_and_closes_is_not_lingered_for(mode):
    async def handler(w, r):
        w.headers["Connection"] = "close"

    async with serving(handler, mode, clock=FakeClock()) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        await peer.read_response()
        await peer.close()
        await settle()
        assert server.stats().connections_open == 0


# TestClientWriteShutdown
@every_mode
@pytest.mark.parametrize("said", [b"", GET], ids=["at once", "after a request"])
async def test_a_peer_that_closes_its_half_and_asks_nothing_is_told_nothing(mode, said):
    async def handler(w, r):
        pass

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        if said:
            await peer.send(said)
            await peer.read_response()
        peer.send_eof()
        assert await peer.expect_closed() == "eof"
        await settle()
        assert server.stats().closed_because == {CloseReason.PEER_LEFT: 1}


# TestClientWriteShutdown's kin: what was asked before the half was closed is answered
@every_mode
@pytest.mark.rfc("9112", "9.6", "MUST NOT close the connection before sending the final response")
async def test_a_request_in_front_of_the_half_close_is_answered(mode):
    async def handler(w, r):
        await r.disconnected
        await w.write(r.path)

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        await peer.send(GET + GET)
        peer.send_eof()
        first, second = await peer.read_response(), await peer.read_response()
        assert (first.header("Connection"), second.header("Connection")) == (None, "close")
        assert await peer.expect_closed() == "eof"
        assert server.stats().requests == 2
