"""What becomes of a request's body that the handler reads, reads in part, closes, or never looks at.

RFC 9112 sections 6, 7 and 9.3; Go's net/http serve_test.go.
"""

from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import BodyClosed, RemoteProtocolError, Timeout
from holdfast.net.tasks import spawn
from holdfast.testing import FakeClock, advance, serving, settle
from holdfast.wire.persistence import CloseReason
from tests.whole.modes import every_mode

LITTLE = 200 << 10  # unread, and drained
LARGE = 1 << 20
CLOSES_AT = (256 << 10) + 1


async def nothing(w, r):
    pass


async def echo(w, r):
    await w.write(await r.read())


def post(*fields: str, body: bytes = b"") -> bytes:
    return "\r\n".join(["POST / HTTP/1.1", "Host: x", *fields, "", ""]).encode() + body


def chunked(body: bytes) -> bytes:
    return post("Transfer-Encoding: chunked", body=body)


# TestHeadBody, TestGetBody
@every_mode
@pytest.mark.parametrize("body", [b"some body", [b"some ", b"body"]], ids=["counted", "chunked"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "POST"])
async def test_any_method_may_have_a_body(mode, method, body):
    got = []

    async def handler(w, r):
        got.append(await r.read())

    async with serving(handler, mode) as (client, _):
        await client.request(method, "/", body=body)
        assert got == [b"some body"]


# The body of a request is never None; one that has none is at its end
@every_mode
async def test_a_request_without_a_body_has_an_empty_one(mode):
    async def handler(w, r):
        assert (r.content_length, await r.body.read(), await r.body.read(5), await r.body.next()) == (
            0,
            b"",
            b"",
            b"",
        )
        assert [piece async for piece in r.body] == []
        await w.write(b"ok")

    async with serving(handler, mode) as (client, _):
        assert (await client.get("/")).body == b"ok"


# TestServerUnreadRequestBodyLittle; TestServerConnectionReuse
@every_mode
@pytest.mark.rfc("9112", "9.3", "A server MUST read the entire request message body or close the connection")
@pytest.mark.parametrize("pieces", [False, True], ids=["counted", "chunked"])
async def test_a_small_unread_body_does_not_cost_the_connection(mode, pieces):
    async with serving(nothing, mode) as (client, server):
        for _ in range(2):
            response = await client.post("/", body=[b"x" * LITTLE] if pieces else b"x" * LITTLE)
            assert response.header("Connection") is None
        assert server.stats().connections_accepted == 1


# TestServerUnreadRequestBodyLittle: the body is drained before the head goes out, or a peer that
# writes it all before it reads waits for us, who wait for it
@every_mode
async def test_a_small_unread_body_is_drained_before_the_answer(mode):
    async with serving(nothing, mode) as (client, _):
        peer = await client.connect()
        await peer.send(post("Content-Length: 10", body=b"hello"))
        assert await peer.arrived() == b""
        await peer.send(b"world")
        assert (await peer.read_response()).status == 200


# TestServerUnreadRequestBodyLarge; TestHandlerFinishSkipBigContentLengthRead; TestServerConnectionReuse
@every_mode
@pytest.mark.parametrize("flushes", [False, True], ids=["at once", "flushed"])
async def test_a_large_unread_body_closes_the_connection_and_is_not_read(mode, flushes):
    exchanges = []

    async def handler(w, r):
        exchanges.append(w.exchange)
        if flushes:
            await w.flush()

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(post(f"Content-Length: {CLOSES_AT}", body=b"x" * 1000))
        assert (await peer.read_response()).header("Connection") == "close"
        assert await peer.expect_closed() == "eof"
        assert exchanges[0].bytes_received == 0


# TestServerConnectionReuse, the full duplex variants
@every_mode
async def test_with_full_duplex_the_body_is_read_while_the_answer_is_written(mode):
    async def handler(w, r):
        w.controller.enable_full_duplex()
        await w.flush()
        async for piece in r.body:
            await w.write(piece.upper())
            await w.flush()

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        for _ in range(2):
            await peer.send(post("Content-Length: 6", body=b"abc"))
            assert (await peer.arrived()).endswith(b"\r\n\r\n3\r\nABC\r\n")
            await peer.send(b"def")
            assert await peer.arrived() == b"3\r\nDEF\r\n0\r\n\r\n"
        assert server.stats().connections_accepted == 1


# TestServerConnectionReuse: full duplex, and the rest is left
@every_mode
@pytest.mark.parametrize(("size", "reason"), [(LITTLE, None), (CLOSES_AT, CloseReason.BODY_LEFT)])
async def test_with_full_duplex_what_is_left_is_settled_behind_the_answer(mode, size, reason):
    async def handler(w, r):
        w.controller.enable_full_duplex()
        await w.write(b"before the body came")

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        await peer.send(post(f"Content-Length: {size}"))
        assert (await peer.read_response()).header("Connection") is None  # nobody could know yet
        if reason is not None:
            assert await peer.expect_closed() == "eof"
            await peer.close()
            await settle()
            assert server.stats().closed_because == {reason: 1}
            return
        await peer.send(b"x" * size + post("Content-Length: 0"))
        assert (await peer.read_response()).status == 200


# (bytes, chunked, the client closes, what is received of them, whether the next request is served)
# Go looks for the end of a chunked body also where the client closes anyway; there is nothing to find.
# fmt: off
CLOSED_BODIES = [
    ( 20 << 10, False, False, "all",  True),
    ( 20 << 10, True,  False, "all",  True),
    ( 20 << 10, False, True,  "none", False),
    ( 20 << 10, True,  True,  "none", False),
    (  1 << 20, False, False, "none", False),
    (  1 << 20, True,  False, "some", False),
    (  1 << 20, True,  True,  "none", False),
    (  1 << 20, False, True,  "none", False),
]
# fmt: on


# TestHandlerBodyClose
@every_mode
@pytest.mark.parametrize(("size", "in_chunks", "closes", "received", "kept"), CLOSED_BODIES)
async def test_a_body_that_the_handler_closes(mode, size, in_chunks, closes, received, kept):
    exchanges = []

    async def handler(w, r):
        exchanges.append(w.exchange)
        r.body.close()
        with pytest.raises(BodyClosed):
            await r.body.read()

    async with serving(handler, mode) as (client, server):
        body = b"x" * size
        pieces = [body[at : at + 16384] for at in range(0, size, 16384)]
        response = await client.post("/", body=pieces if in_chunks else body, close=closes)
        assert response.header("Connection") == (None if kept else "close")
        got = exchanges[0].bytes_received
        assert received == ("all" if got == size else "some" if got else "none")
        assert got <= (256 << 10) + 16384 * 4
        await client.get("/")
        assert server.stats().connections_accepted == (1 if kept else 2)


# TestServerRequestBodyCloseAfterPartialRead
@every_mode
@pytest.mark.parametrize("pieces", [False, True], ids=["counted", "chunked"])
async def test_a_body_closed_after_a_part_was_read_is_drained_and_nothing_is_raised(mode, pieces, caplog):
    async def handler(w, r):
        assert await r.body.read(4) == b"some"
        r.body.close()
        r.body.close()
        await w.write(b"fine")

    async with serving(handler, mode) as (client, server):
        for _ in range(2):
            body = [b"some bytes", b"and more"] if pieces else b"some bytes and more"
            assert (await client.post("/", body=body)).body == b"fine"
        assert server.stats().connections_accepted == 1
    assert caplog.text == ""


BROKEN = {
    "a malformed chunk": chunked(b"5\r\nhello\r\nxyz\r\n"),
    "a chunk longer than its size": chunked(b"3\r\nhello\r\n0\r\n\r\n"),
    "an endless chunk size": chunked(b"0" * 17 + b"5\r\n"),
    "a malformed trailer": chunked(b"5\r\nhello\r\n0\r\nno colon\r\n\r\n"),
    "a trailer that frames": chunked(b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n"),
}


# TestRequestBodyReadErrorClosesConnection, TestInvalidTrailerClosesConnection
@every_mode
@pytest.mark.parametrize("reads", [True, False], ids=["read", "unread"])
@pytest.mark.parametrize("broken", BROKEN)
async def test_behind_a_broken_body_nothing_is_served(mode, broken, reads):
    async def handler(w, r):
        if reads:
            with pytest.raises(RemoteProtocolError):
                await r.read()
        await w.write(b"no")

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        await peer.send(BROKEN[broken] + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        response = await peer.read_response()
        assert (response.status, response.header("Connection")) == (200, "close")
        assert await peer.expect_closed() == "eof"
        assert server.stats().requests == 1


# TestRequestBodyReadErrorClosesConnection; where Go's handler decides, one that lets it through answers 400
@every_mode
async def test_a_broken_body_that_nobody_caught_is_answered_with_400(mode):
    async with serving(echo, mode) as (client, _):
        peer = await client.connect()
        await peer.send(BROKEN["a malformed chunk"])
        response = await peer.read_response()
        assert (response.status, response.header("Connection")) == (400, "close")


# Body shorter than declared is "unexpected EOF"
@every_mode
async def test_a_body_cut_short_is_told_to_the_handler(mode):
    told = []

    async def handler(w, r):
        try:
            await r.read()
        except RemoteProtocolError as error:
            told.append(str(error))

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(post("Content-Length: 10", body=b"hello"))
        peer.send_eof()
        assert (await peer.read_response()).header("Connection") == "close"
        assert told == ["expected the rest of the body, got the end of the connection"]


# TestRequestBodyTimeoutClosesConnection
@every_mode
async def test_a_body_that_was_too_slow_closes_the_connection(mode):
    told = []

    async def handler(w, r):
        try:
            await r.read()
        except Timeout as error:
            told.append(error.timer)
        w.write_header(204)

    clock = FakeClock()
    async with serving(handler, mode, clock=clock, body_read_timeout=5) as (client, server):
        peer = await client.connect()
        await peer.send(post("Content-Length: 10", body=b"hello"))
        await advance(clock, 5)
        response = await peer.read_response()
        assert (response.status, response.header("Connection")) == (204, "close")
        assert told == ["body_read_timeout"]
        await peer.send(b"worldGET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await peer.expect_closed() == "eof"
        assert server.stats().requests == 1


# TestRequestBodyCloseDoesntBlock
@every_mode
async def test_closing_a_body_does_not_wait_for_who_reads_it(mode):
    told = []

    async def read(r):
        try:
            await r.body.read()
        except BodyClosed as error:
            told.append(str(error))

    async def handler(w, r):
        reader = spawn(read(r))
        await asyncio.sleep(0)
        r.body.close()
        await reader
        await w.write(b"closed")

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(post("Content-Length: 10", body=b""))
        await settle()
        assert told == ["the body was closed while it was read"]
        await peer.send(b"0123456789")
        assert (await peer.read_response()).body == b"closed"


# TestRequestBodyCloseDoesntBlock's kin: a task that goes on reading when its handler is done
@every_mode
async def test_who_still_reads_when_the_handler_returns_is_told_and_takes_nothing_of_the_next_request(mode):
    told, readers = [], []

    async def read(r):
        try:
            await r.body.read()
        except BodyClosed as error:
            told.append(str(error))

    async def handler(w, r):
        if r.method == "POST":
            readers.append(spawn(read(r)))
            await asyncio.sleep(0)
        await w.write(r.method)

    clock = FakeClock()
    async with serving(handler, mode, clock=clock, body_read_timeout=5) as (client, _):
        peer = await client.connect()
        await peer.send(post("Content-Length: 10", body=b"01234"))
        await settle()
        await peer.send(b"56789GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert [(await peer.read_response()).body for _ in range(2)] == [b"POST", b"GET"]
        await asyncio.gather(*readers)
        assert told == ["the body was closed while it was read"]
        # And the clock of the drain is not stopped by the end of that read.
        await peer.send(post("Content-Length: 10", body=b"01234"))
        await advance(clock, 5)
        assert (await peer.read_response()).header("Connection") == "close"


# ErrBodyReadAfterClose
@every_mode
async def test_a_body_cannot_be_read_once_the_head_was_sent(mode):
    async def handler(w, r):
        await w.flush()
        with pytest.raises(BodyClosed):
            await r.body.read()

    async with serving(handler, mode) as (client, server):
        for _ in range(2):
            assert (await client.post("/", body=b"abc")).status == 200
        assert server.stats().connections_accepted == 1


# ErrBodyReadAfterClose
@every_mode
async def test_a_body_cannot_be_read_once_the_handler_returned(mode):
    requests = []

    async def handler(w, r):
        requests.append(r)

    async with serving(handler, mode) as (client, _):
        await client.post("/", body=[b"abc"])
        with pytest.raises(BodyClosed):
            await requests[0].body.read()


# An answer that closes anyway does not wait for the body
@every_mode
async def test_an_answer_that_closes_does_not_wait_for_a_small_body(mode):
    async def handler(w, r):
        w.headers["Connection"] = "close"
        w.write_header(401)

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(post("Content-Length: 10"))
        assert (await peer.read_response()).status == 401
        assert await peer.expect_closed() == "eof"
