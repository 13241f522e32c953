"""``Expect``: 100 (Continue) is sent when, and only when, the handler reads the body.

RFC 9110 section 10.1.1; Go's net/http serve_test.go.
"""

from __future__ import annotations

import pytest

from holdfast.errors import BodyClosed
from holdfast.testing import FakeClock, advance, serving, settle
from holdfast.wire.persistence import CloseReason
from tests.whole.modes import every_mode

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def post(expect: str | None, *fields: str, version: str = "1.1") -> bytes:
    named = [] if expect is None else [f"Expect: {expect}"]
    return "\r\n".join([f"POST / HTTP/{version}", "Host: x", *named, *fields, "", ""]).encode()


LENGTH = "Content-Length: 3"
CHUNKED = "Transfer-Encoding: chunked"

# (the head, whether the handler reads, whether 100 is sent, the final status, whether the connection is kept)
# fmt: off
TABLE = {
    "read": (post("100-continue", LENGTH), True, True, 200, True),
    "read, in another case": (post("100-Continue", LENGTH), True, True, 200, True),
    "read, in a list": (post("a, 100-continue", LENGTH), True, True, 200, True),
    "read, chunked": (post("100-continue", CHUNKED), True, True, 200, True),
    "not read": (post("100-continue", LENGTH), False, False, 200, False),
    "not read, chunked": (post("100-continue", CHUNKED), False, False, 200, False),
    "no expectation, read": (post(None, LENGTH), True, False, 200, True),
    "no expectation, not read": (post(None, LENGTH), False, False, 200, True),
    "no body": (post("100-continue", "Content-Length: 0"), True, False, 200, True),
    "no body, not read": (post("100-continue"), False, False, 200, True),
    "empty": (post("", LENGTH), True, False, 200, True),
    "1.0": (post("100-continue", LENGTH, "Connection: keep-alive", version="1.0"), True, False, 200, True),
    "another expectation": (post("a-pony", LENGTH), True, False, 417, False),
    "another expectation, no body": (post("a-pony"), True, False, 417, False),
}
# fmt: on


# TestServerExpect, TestIssue11549_Expect100
@every_mode
@pytest.mark.parametrize("case", TABLE)
@pytest.mark.rfc(
    "9110", "10.1.1", "A server MAY omit sending a 100 (Continue) response if it has already received content"
)
async def test_when_100_is_sent(mode, case):
    head, reads, continued, status, kept = TABLE[case]
    called = []

    async def handler(w, r):
        called.append(r.headers.get("Expect"))
        await w.write(await r.read() if reads else b"unread")

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        await peer.send(head)
        if continued:
            assert await peer.read_exactly(len(CONTINUE)) == CONTINUE
        if continued or (kept and b"100-continue" not in head) or b"HTTP/1.0" in head:
            await peer.send(
                b"3\r\nabc\r\n0\r\n\r\n" if b"chunked" in head else b"abc" if b": 3" in head else b""
            )
        response = await peer.read_response()
        assert response.interim == []
        assert response.status == status
        assert len(called) == (status == 200)  # no handler is asked about an expectation nobody knows
        if status == 200 and reads:
            assert response.body == (b"abc" if b": 3" in head or continued else b"")
        if kept:
            await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await peer.read_response()).status == 200
            return
        assert response.header("Connection") == "close"
        assert await peer.expect_closed() == "eof"
        assert server.stats().requests == 1


# TestServerExpect: 417
@every_mode
async def test_an_unknown_expectation_is_answered_by_the_server(mode):
    async with serving(None, mode) as (client, _):
        response = await client.get("/", headers={"Expect": "a-pony"})
        assert (response.status, response.reason) == (417, "Expectation Failed")
        assert (response.header("Content-Length"), response.header("Connection")) == ("0", "close")
        assert response.header("Date") is not None


# TestIssue13893_Expect100
@every_mode
async def test_the_expectation_is_seen_by_the_handler(mode):
    async def handler(w, r):
        await w.write(r.headers["Expect"] + " " + (await r.text()))

    async with serving(handler, mode) as (client, _):
        response = await client.post("/", headers={"Expect": "100-continue"}, body=b"body")
        assert response.body == b"100-continue body"
        assert [interim.status for interim in response.interim] == [100]


# TestServerExpect: sent once, however often is read
@every_mode
async def test_100_is_sent_once(mode):
    async def handler(w, r):
        for _ in range(3):
            await r.body.read(1)
        await w.write(b"ok")

    async with serving(handler, mode) as (client, _):
        response = await client.post("/", headers={"Expect": "100-continue"}, body=b"abc")
        assert len(response.interim) == 1


# WriteHeader(100) disables the automatic one
@every_mode
async def test_a_handlers_own_100_is_the_only_one(mode):
    async def handler(w, r):
        w.write_header(100)
        await w.write(await r.read())

    async with serving(handler, mode) as (client, _):
        response = await client.post("/", headers={"Expect": "100-continue"}, body=b"abc")
        assert [interim.raw or interim.status for interim in response.interim] == [100]
        assert response.body == b"abc"


# TestServerExpect100ContinueUnreadBody, TestServerReadAfterWriteHeader100Continue (Go skips it)
@every_mode
@pytest.mark.parametrize("flushes", [True, False], ids=["flushed", "not flushed"])
async def test_reading_after_the_head_was_sent_fails_at_once(mode, flushes):
    async def handler(w, r):
        w.write_header(403)
        if flushes:
            await w.flush()
            with pytest.raises(BodyClosed):
                await r.read()

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        await peer.send(post("100-continue", LENGTH))
        response = await peer.read_response()
        assert (response.status, response.interim) == (403, [])
        assert response.header("Connection") == "close"
        assert await peer.expect_closed() == "eof"
        await peer.close()
        await settle()
        assert server.stats().closed_because == {CloseReason.EXPECT_LEFT: 1}


# TestServerReadAfterHandlerDone100Continue, TestServerReadAfterHandlerAbort100Continue (Go skips both)
@every_mode
@pytest.mark.parametrize("aborts", [False, True], ids=["done", "aborted"])
async def test_reading_after_the_handler_is_done_fails_at_once(mode, aborts):
    requests = []

    async def handler(w, r):
        requests.append(r)
        if aborts:
            w.exchange.abort()

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(post("100-continue", LENGTH))
        await peer.read_until_closed()
        with pytest.raises(BodyClosed):
            await requests[0].read()


# Go waits here for the body that will not come (its issues 67555 and 75933)
@every_mode
async def test_a_body_that_was_not_asked_for_is_not_waited_for(mode):
    async def handler(w, r):
        await w.write(b"no, thank you")

    clock = FakeClock()
    async with serving(handler, mode, clock=clock) as (client, server):
        peer = await client.connect()
        await peer.send(post("100-continue", LENGTH))
        assert (await peer.read_response()).body == b"no, thank you"
        await advance(clock, 0.5)  # linger_timeout
        assert await peer.expect_closed() == "eof"
        assert server.stats().connections_open == 0
