"""Every close has a name: each ``CloseReason`` brought about, and told the same to trace and counts.

Requirement B2.
"""

from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import AbortHandler
from holdfast.net.sockets import reset_on_close
from holdfast.net.tasks import Event, spawn
from holdfast.testing import FakeClock, WireClient, advance, serving, settle
from holdfast.trace.hooks import ServerTrace
from holdfast.wire.persistence import CloseReason
from tests.whole.modes import every_mode

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
MUCH = b"x" * (1 << 20)


def get(*fields: str, version: str = "1.1") -> bytes:
    return "\r\n".join([f"GET / HTTP/{version}", "Host: x", *fields, "", ""]).encode()


def post(*fields: str) -> bytes:
    return get(*fields).replace(b"GET", b"POST")


async def ok(w, r):
    await w.write(b"ok")


async def say_close(w, r):
    w.headers["Connection"] = "close"


async def until_eof(w, r):
    w.headers["Transfer-Encoding"] = "identity"
    await w.write(b"x")


async def too_little(w, r):
    w.headers["Content-Length"] = "10"


async def read(w, r):
    await r.read()


async def refuse(w, r):
    w.write_header(403)


async def fail(w, r):
    raise RuntimeError


async def abort(w, r):
    raise AbortHandler


async def take(w, r):
    stream, _ = await w.hijack()
    await stream.close()


async def much(w, r):
    await w.write(MUCH)


async def close_body(w, r):
    r.body.close()


async def shut_down(w, r):
    spawn(r.context["server"].shutdown(5))
    await asyncio.sleep(0)


async def keep_no_more(w, r):
    r.context["server"].set_keep_alives_enabled(False)


# What one request is enough for: what is sent, what answers, with which settings.
# fmt: off
BY_A_REQUEST = {
    CloseReason.SHUTDOWN:        (GET, shut_down, {}),
    CloseReason.LOCAL_CLOSE:     (GET, say_close, {}),
    CloseReason.WORN_OUT:        (GET, ok, {"max_requests_per_connection": 1}),
    CloseReason.KEEP_ALIVES_OFF: (GET, keep_no_more, {}),
    CloseReason.PEER_CLOSE:      (get("Connection: close"), ok, {}),
    CloseReason.PEER_OLD:        (get(version="1.0"), ok, {}),
    CloseReason.UNTIL_EOF:       (GET, until_eof, {}),
    CloseReason.SHORT_BODY:      (GET, too_little, {}),
    CloseReason.BODY_LEFT:       (post("Content-Length: 300000"), ok, {}),
    CloseReason.BODY_BROKEN:     (post("Transfer-Encoding: chunked") + b"x\r\n", read, {}),
    CloseReason.EXPECT_LEFT:     (post("Expect: 100-continue", "Content-Length: 3"), ok, {}),
    CloseReason.CONNECT:         (b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n", refuse, {}),
    CloseReason.MALFORMED:       (b"GET\r\n\r\n", ok, {}),
    CloseReason.HANDLER_FAILED:  (GET, fail, {}),
    CloseReason.HANDLER_ABORTED: (GET, abort, {}),
    CloseReason.HIJACKED:        (GET, take, {}),
}
# fmt: on


async def eof_in_the_exchange(server, peer, clock):
    await peer.send(GET)
    peer.send_eof()


async def idle(server, peer, clock):
    await peer.send(GET)
    await peer.read_response()
    await advance(clock, 75)


async def half_a_head(server, peer, clock):
    await peer.send(GET[:5])
    await advance(clock, 10)


async def no_reading(server, peer, clock):
    await peer.send(GET)
    await advance(clock, 60)  # at first the buffers on the way took some of it
    await advance(clock, 60)


async def no_reading_in_time(server, peer, clock):
    await peer.send(GET)
    await advance(clock, 20)


async def no_rest_of_the_body(server, peer, clock):
    await peer.send(post("Content-Length: 3"))
    await peer.read_response()
    await advance(clock, 30)


async def leave(server, peer, clock):
    await peer.send(GET)
    await peer.read_response()
    peer.send_eof()


async def another_comes(server, peer, clock):
    await peer.send(GET)
    await peer.read_response()
    other = await WireClient(server, memory=True, tls=server.tls is not None).connect()
    await peer.read_until_closed()
    await other.close()


async def killed(server, peer, clock):
    await peer.send(GET)
    await settle()
    await server.close()


async def answer_close_body(w, r):
    r.body.close()
    w.controller.enable_full_duplex()  # or the rest would be awaited before the head


async def until_told(w, r):
    await r.disconnected


async def wait_for_ever(w, r):
    await asyncio.Event().wait()


# What needs more: what is done, what answers, with which settings.
# fmt: off
BY_MORE = {
    CloseReason.PEER_EOF:            (eof_in_the_exchange, until_told, {}),
    CloseReason.IDLE_TIMEOUT:        (idle, ok, {}),
    CloseReason.READ_HEADER_TIMEOUT: (half_a_head, ok, {}),
    CloseReason.WRITE_TIMEOUT:       (no_reading_in_time, much, {"write_timeout": 20}),
    CloseReason.WRITE_STALL:         (no_reading, much, {}),
    CloseReason.DRAIN_TIMEOUT:       (no_rest_of_the_body, answer_close_body, {}),
    CloseReason.PEER_LEFT:           (leave, ok, {}),
    CloseReason.SHED:                (another_comes, ok, {"max_connections": 2}),
    CloseReason.KILLED:              (killed, wait_for_ever, {}),
}
# fmt: on

ELSEWHERE = {CloseReason.HANDSHAKE_TIMEOUT, CloseReason.HANDSHAKE_FAILED, CloseReason.RESET}


def test_every_reason_has_a_test_here():
    tested = [*BY_A_REQUEST, *BY_MORE, *ELSEWHERE]
    assert sorted(tested) == sorted(CloseReason)


class Seen:
    """What a trace was told of reasons."""

    def __init__(self):
        self.closed = []
        self.done = []
        self.trace = ServerTrace(
            connection_closed=lambda conn, reason: self.closed.append(reason),
            exchange_done=lambda exchange, done: self.done.append(done.close_reason),
        )

    def agree(self, server, reason):
        assert server.stats().closed_because[reason] == 1
        assert self.closed.count(reason) == 1
        assert len(self.closed) == sum(server.stats().closed_because.values())


@every_mode
@pytest.mark.parametrize("reason", BY_A_REQUEST, ids=lambda reason: reason.name)
async def test_a_connection_that_one_request_ends_says_why(mode, reason):
    sent, handler, settings = BY_A_REQUEST[reason]
    seen = Seen()
    async with serving(handler, mode, trace=seen.trace, **settings) as (client, server):
        peer = await client.connect()
        await peer.send(sent)
        await peer.read_until_closed()
        await peer.close()
        await settle()
        seen.agree(server, reason)
        if reason is not CloseReason.MALFORMED:  # of which there is no exchange
            assert seen.done == [reason]


@every_mode
@pytest.mark.parametrize("reason", BY_MORE, ids=lambda reason: reason.name)
async def test_a_connection_that_ends_otherwise_says_why(mode, reason):
    do, handler, settings = BY_MORE[reason]
    seen, clock = Seen(), FakeClock()
    async with serving(handler, mode, trace=seen.trace, clock=clock, **settings) as (client, server):
        peer = await client.connect()
        await do(server, peer, clock)
        await peer.read_until_closed()
        await peer.close()
        await settle()
        seen.agree(server, reason)


@every_mode
async def test_a_connection_that_the_peer_broke_says_so(mode):
    seen, begun = Seen(), Event()

    async def handler(w, r):
        begun.set()
        await r.disconnected

    async with serving(handler, mode, memory=False, trace=seen.trace) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        await begun.wait()
        reset_on_close(peer.stream._transport.get_extra_info("socket"))
        peer.abort()
        while server.stats().connections_open:
            await settle()
        seen.agree(server, CloseReason.RESET)
        assert seen.done == [CloseReason.RESET]


@pytest.mark.parametrize("reason", [CloseReason.HANDSHAKE_TIMEOUT, CloseReason.HANDSHAKE_FAILED])
async def test_a_handshake_that_comes_to_nothing_says_why(reason):
    seen, clock = Seen(), FakeClock()
    async with serving(ok, "h1+tls", trace=seen.trace, clock=clock) as (_, server):
        peer = await WireClient(server, memory=True, tls=False).connect()
        if reason is CloseReason.HANDSHAKE_FAILED:
            await peer.send(GET)
        else:
            await advance(clock, 10)
        await peer.read_until_closed()
        await peer.close()
        await settle()
        seen.agree(server, reason)


# Of several the first one that decided is told
@every_mode
async def test_a_reason_is_given_once(mode):
    seen, clock = Seen(), FakeClock()
    async with serving(ok, mode, trace=seen.trace, clock=clock, idle_timeout=5) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        await peer.read_response()
        await advance(clock, 5)  # half-closed, it lingers
        peer.abort()
        await settle()
        await server.shutdown(1)
        assert seen.closed == [CloseReason.IDLE_TIMEOUT]
