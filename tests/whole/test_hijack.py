"""A handler takes the connection: what it gets, what is over for the server, what it may do afterwards.

Requirement S13; Go's serve_test.go.
"""

from __future__ import annotations

import asyncio
import logging
from io import BytesIO

import pytest

from holdfast.errors import Hijacked, NotSupported, UsageError
from holdfast.net.tasks import Event, spawn
from holdfast.server.recover import Recover
from holdfast.testing import FakeClock, advance, serving, settle
from holdfast.wire.persistence import CloseReason
from tests.whole.modes import every_mode

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"


@every_mode
async def test_what_was_hijacked_is_the_handlers_alone(mode):
    async def handler(w, r):
        stream, leftover = await w.hijack()
        assert leftover == b""
        assert server.stats().connections_open == 0
        assert server.stats().closed_because == {CloseReason.HIJACKED: 1}
        await stream.write(b"not HTTP at all\n")
        while line := await stream.read():
            await stream.write(line.upper())
        await stream.close()

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        assert await peer.read_exactly(16) == b"not HTTP at all\n"
        await peer.send(b"abc")
        assert await peer.read_exactly(3) == b"ABC"
        peer.send_eof()
        assert await peer.expect_closed() == "eof"


@every_mode
async def test_a_hijacked_connection_outlives_its_handler_and_every_clock(mode):
    kept = []

    async def handler(w, r):
        kept.append((await w.hijack())[0])

    clock = FakeClock()
    settings = {"read_timeout": 1, "write_timeout": 1, "idle_timeout": 1}
    async with serving(handler, mode, clock=clock, **settings) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        await advance(clock, 1000)
        assert await peer.arrived() == b""
        await server.shutdown(1)
        await server.close()
        (stream,) = kept
        await stream.write(b"still here")
        assert await peer.read_exactly(10) == b"still here"
        await stream.close()
        assert await peer.expect_closed() == "eof"


# TestServerHijackGetsBackgroundByte, TestServerHijackGetsBackgroundByte_big
@every_mode
@pytest.mark.parametrize("size", [1, 5, 60_000])
async def test_what_came_behind_the_request_can_be_seen_and_read(mode, size):
    more = bytes(i % 251 for i in range(size))

    async def handler(w, r):
        await settle()  # all of it has come by then
        stream, leftover = await w.hijack()
        assert leftover == more
        assert await stream.readexactly(size) == more
        peer.send_eof()
        assert await stream.read() == b""
        await stream.write(b"got it")
        await stream.close()

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(GET + more)
        assert await peer.read_until_closed() == b"got it"


# As above; our own: the peer's end came before the hijack
@every_mode
async def test_an_end_that_came_before_the_hijack_is_seen_by_who_takes_the_connection(mode):
    async def handler(w, r):
        await r.disconnected
        stream, leftover = await w.hijack()
        assert leftover == b""
        assert await asyncio.wait_for(stream.read(), 1) == b""
        await stream.write(b"bye")
        await stream.close()

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        peer.send_eof()
        assert await peer.read_until_closed() == b"bye"


# Our own: the peer took too little of what was written before the hijack
@every_mode
async def test_a_peer_that_is_slow_when_it_is_taken_over_holds_its_new_owner_back(mode):
    taken = Event()
    waiting = []

    async def handler(w, r):
        writing = spawn(w.write(b"\0" * 1_000_000))
        await settle()
        stream, _ = await w.hijack()
        with pytest.raises(Hijacked):
            await writing
        waiting.append(spawn(stream.write(b"end")))
        await settle()
        taken.set()
        await waiting[0]
        await stream.close()

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        await taken.wait()
        assert not waiting[0].done()
        raw = await peer.read_until_closed()
        assert raw.endswith(b"end")
        assert raw.count(b"\0") == 1_000_000


# TestServerHijackGetsFullBody, TestHijackBeforeRequestBodyRead
@every_mode
@pytest.mark.parametrize("read", [0, 2], ids=["none", "some"])
async def test_the_body_that_was_not_read_is_read_from_the_connection(mode, read):
    async def handler(w, r):
        assert await r.body.read(read) == b"abcdef"[:read]
        stream, leftover = await w.hijack()
        whole = b"abcdef"[read:]
        assert whole.endswith(leftover)
        got = await stream.readexactly(len(leftover)) if read else await stream.readexactly(6)
        assert whole.endswith(got)
        await stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(got), got))
        await stream.close()

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(POST)
        await peer.send(b"abc")
        await peer.send(b"def")
        body = (await peer.read_response()).body
        assert b"abcdef".endswith(body)
        assert body == b"abcdef" or read


@every_mode
@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"], ids=["a-body", "100-continue"])
async def test_the_request_has_no_body_to_read_once_its_connection_is_taken(mode, expect):
    failures = []

    async def handler(w, r):
        stream, _ = await w.hijack()
        with pytest.raises(Hijacked) as failed:
            await asyncio.wait_for(r.read(), 1)
        failures.append(failed.value)
        await stream.close()

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\n" + expect + b"Content-Length: 6\r\n\r\n")
        assert await peer.expect_closed() == "eof"  # and no 100 (Continue)
    assert len(failures) == 1


# TestServerFlushAndHijack
@every_mode
async def test_what_was_flushed_goes_before_what_the_new_owner_writes(mode):
    async def handler(w, r):
        await w.write("Hello, ")
        await w.flush()
        stream, _ = await w.hijack()
        await stream.write(b"6\r\nworld!\r\n0\r\n\r\n")
        await stream.close()

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        assert (await peer.read_response()).body == b"Hello, world!"
        assert await peer.expect_closed() == "eof"


# TestWriteHeaderSwitchingProtocols, TestDisableKeepAliveUpgrade
@every_mode
@pytest.mark.parametrize("keep_alives", [True, False], ids=["keep-alives", "no-keep-alives"])
async def test_101_keeps_its_upgrade_fields_and_then_the_connection_is_the_handlers(mode, keep_alives):
    async def handler(w, r):
        assert r.headers["Upgrade"] == "echo"
        w.headers["Connection"] = "Upgrade"
        w.headers["Upgrade"] = "echo"
        w.write_header(101)
        stream, leftover = await w.hijack()
        assert leftover == b"first"
        await stream.write(await stream.readexactly(5))
        await stream.close()

    async with serving(handler, mode) as (client, server):
        server.set_keep_alives_enabled(keep_alives)
        peer = await client.connect()
        await peer.send(UPGRADE + b"first")
        response = await peer.read_response()
        assert response.status == 101
        fields = [pair for pair in response.headers if pair[0] != "Date"]
        assert fields == [("Connection", "Upgrade"), ("Upgrade", "echo")]
        assert await peer.read_until_closed() == b"first"


# TestDoubleHijack
@every_mode
async def test_a_second_hijack_is_refused(mode):
    async def handler(w, r):
        stream, _ = await w.hijack()
        for again in (w.hijack, w.controller.hijack):
            with pytest.raises(Hijacked):
                await again()
        await stream.write(b"one owner")
        await stream.close()

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        assert await peer.read_until_closed() == b"one owner"


# TestWriteAfterHijack.  TestServerWriteHijackZeroBytes: with us no bytes are no failure.
@every_mode
@pytest.mark.parametrize("before", ["nothing", "head", "flushed"])
async def test_nothing_can_be_written_to_the_response_any_more(mode, before):
    async def handler(w, r):
        if before == "head":
            w.write_header(200)
        elif before == "flushed":
            await w.flush()
        stream, _ = await w.hijack()
        with pytest.raises(Hijacked):
            await w.write(b"x")
        with pytest.raises(Hijacked):
            await w.flush()
        with pytest.raises(Hijacked):
            await w.write_informational(103)
        with pytest.raises(Hijacked):
            await w.read_from(BytesIO(b"x"))
        assert await w.write(b"") == 0
        await stream.write(b"!")
        await stream.close()

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        raw = await peer.read_until_closed()
        head, _, rest = raw.rpartition(b"\r\n\r\n")
        assert rest == b"!"
        assert bool(head) == (before != "nothing")


# TestWriteHeaderNoCodeCheck_h1hijack
@every_mode
async def test_a_status_after_the_hijack_is_logged_with_its_place_and_nothing_else(mode, caplog):
    caplog.set_level(logging.INFO, "holdfast.error")

    async def handler(w, r):
        stream, _ = await w.hijack()
        w.write_header(0)
        await stream.close()

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        assert await peer.expect_closed() == "eof"
    (line,) = caplog.messages
    assert "write_header(0)" in line
    assert "hijacked" in line
    assert "test_hijack.py:" in line


# TestHandlerPanicWithHijack; also through Recover, which must not try to answer
@every_mode
@pytest.mark.parametrize("wrap", [lambda handler: handler, Recover], ids=["bare", "recover"])
@pytest.mark.parametrize("error", [RuntimeError, UsageError])
async def test_a_handler_that_raises_after_it_took_the_connection_is_logged_and_leaves_it_alone(
    mode, wrap, error, caplog
):
    kept = []

    async def handler(w, r):
        kept.append((await w.hijack())[0])
        raise error("after the hijack")

    async with serving(wrap(handler), mode) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        assert await peer.arrived() == b""
        (stream,) = kept
        await stream.write(b"alive")
        assert await peer.read_exactly(5) == b"alive"
        await stream.close()
        assert await peer.expect_closed() == "eof"
    assert [message for message in caplog.messages if "after the hijack" in message]
    assert len(caplog.messages) == 1


# TestHijackAfterCloseNotifier
@every_mode
async def test_who_watches_for_the_peers_going_may_still_take_the_connection(mode):
    async def handler(w, r):
        watching = spawn(r._source.wait_disconnected())
        await settle()
        stream, _ = await w.hijack()
        await stream.write(b"mine")
        assert not watching.done()
        await stream.close()
        watching.cancel()

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        assert await peer.read_until_closed() == b"mine"


@every_mode
async def test_an_answered_connection_cannot_be_taken(mode):
    kept = []

    async def handler(w, r):
        kept.append(w)

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        for _ in range(2):
            await peer.send(GET)
            assert (await peer.read_response()).status == 200
            with pytest.raises(NotSupported):
                await kept[0].hijack()
        assert server.stats().by_state == {"idle": 1}


# TestServerHandlersCanHandleH2PRI
@every_mode
async def test_http_2s_preface_can_be_taken_over_with_what_follows(mode):
    async def handler(w, r):
        assert (r.method, r.target, r.proto) == ("PRI", "*", "HTTP/2")
        stream, leftover = await w.hijack()
        assert leftover == b"SM\r\n\r\n"
        await stream.write(b"frames")
        await stream.close()

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert await peer.read_until_closed() == b"frames"
