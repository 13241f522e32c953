"""Requests that come before the answers to those before them: answered one after the other, in order.

RFC 9112 section 9.3.2; Go's net/http serve_test.go.
"""

from __future__ import annotations

import asyncio

import pytest

from holdfast.limits import MAX_READ_AHEAD
from holdfast.net.tasks import spawn
from holdfast.testing import serving, settle
from tests.whole.modes import every_mode


def get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


# S14
@every_mode
@pytest.mark.rfc(
    "9112",
    "9.3.2",
    "it MUST send the corresponding responses in the same order that the requests were received",
)
async def test_answers_come_in_the_order_of_requests_whatever_each_takes(mode):
    running, most = [], []

    async def handler(w, r):
        running.append(r.path)
        most.append(len(running))
        for _ in range(10 if r.path == "/slow" else 0):
            await asyncio.sleep(0)
        if r.path == "/fails":
            raise LookupError("on purpose")
        await w.write(await r.read() or r.path)
        running.remove(r.path)

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        post = b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
        await peer.send(get("/slow") + post + get("/quick") + get("/fails") + get("/never"))
        answers = [await peer.read_response() for _ in range(4)]
        assert [answer.body for answer in answers[:3]] == [b"/slow", b"body", b"/quick"]
        assert (answers[3].status, answers[3].header("Connection")) == (500, "close")
        assert await peer.expect_closed() == "eof"  # and what stands behind a last answer is not served
        assert server.stats().requests == 4
        assert set(most) == {1}


# S14: "errors included"
@every_mode
async def test_a_malformed_request_is_refused_when_its_turn_comes(mode):
    release = asyncio.Event()

    async def handler(w, r):
        await release.wait()
        await w.write(r.path)

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(get("/one") + b"no request\r\n\r\n" + get("/two"))
        assert await peer.arrived() == b""
        release.set()
        assert (await peer.read_response()).body == b"/one"
        assert (await peer.read_response()).status == 400
        assert await peer.expect_closed() == "eof"


# S14, S9: watching eats no byte of the next request, however it is cut
@every_mode
async def test_pipelined_requests_that_come_byte_by_byte_are_the_same(mode):
    async def handler(w, r):
        await w.write(r.path + " " + (await r.text()))

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        wire = (
            get("/a")
            + b"POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
            + get("/c")
        )
        for at in range(len(wire)):
            await peer.send(wire[at : at + 1])
            await asyncio.sleep(0)
        assert [(await peer.read_response()).body for _ in range(3)] == [b"/a ", b"/b hi", b"/c "]
        assert server.stats().connections_accepted == 1


# What a peer pipelines is not hoarded: past a bound the socket is not read
@every_mode
async def test_what_is_kept_behind_a_request_is_bounded(mode):
    release = asyncio.Event()

    async def handler(w, r):
        await release.wait()

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        request = get("/" + "x" * 1000)
        sending = spawn(peer.stream.write(request * 1000))
        await settle()
        (conn,) = server.crowd
        assert MAX_READ_AHEAD < conn.wire.buffered < MAX_READ_AHEAD + (256 << 10)
        release.set()
        for _ in range(1000):
            assert (await peer.read_response()).status == 200
        await sending
