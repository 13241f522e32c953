"""The clocks of writing (S17): a peer that takes nothing, a response that takes too long, and who is spared.

Requirement S17; Go's serve_test.go.
"""

from __future__ import annotations

import pytest

from holdfast.errors import ConnectionReset, Timeout
from holdfast.net.tasks import Event
from holdfast.testing import BrokenResponse, FakeClock, advance, serving
from tests.whole.modes import every_mode

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
MUCH = b"x" * (1 << 20)  # more than every buffer on the way holds together


def pouring(errors, size=64):
    """Writes ``size`` MiB and notes what stopped it."""

    async def handler(w, r):
        try:
            for _ in range(size):
                await w.write(MUCH)
        except Exception as error:
            errors.append(error)
            raise

    return handler


# TestServerWriteTimeout, TestOnlyWriteTimeout
@every_mode
async def test_writes_fail_and_the_peer_sees_a_broken_response_once_its_time_has_passed(mode):
    clock, errors = FakeClock(), []
    settings = {"write_timeout": 5, "write_stall_timeout": None}
    async with serving(pouring(errors), mode, clock=clock, **settings) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        await advance(clock, 4.9)
        assert errors == []
        await advance(clock, 0.1)
        assert [(type(error), error.timer) for error in errors] == [(Timeout, "write_timeout")]
        with pytest.raises(BrokenResponse):
            await peer.read_response()
        assert server.stats().closed_because == {"write_timeout": 1}
        assert server.connections() == []  # and with it its task: the test would fail for one that is left


@every_mode
async def test_a_handler_that_has_not_begun_is_told_at_its_first_write(mode):
    clock, go, errors = FakeClock(), Event(), []

    async def handler(w, r):
        await go.wait()
        try:
            await w.write(MUCH)
        except Timeout as error:
            errors.append(error.timer)

    async with serving(handler, mode, clock=clock, write_timeout=5) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        await advance(clock, 5)
        await peer.expect_closed()
        go.set()
        await advance(clock, 0)
        assert errors == ["write_timeout"]


# TestServerNoWriteTimeout, TestNoWriteDeadline
@every_mode
async def test_without_a_clock_of_the_response_a_slow_handler_has_all_the_time(mode):
    clock = FakeClock()

    async def handler(w, r):
        clock.advance(86_400)
        await w.write(b"at last")

    async with serving(handler, mode, clock=clock) as (client, _):
        assert (await client.get()).body == b"at last"


# TestWriteDeadlineExtendedOnNewRequest
@every_mode
async def test_each_request_has_a_fresh_clock_for_its_response(mode):
    clock = FakeClock()

    async def handler(w, r):
        clock.advance(4)
        await w.write(b"done")

    async with serving(handler, mode, clock=clock, write_timeout=5) as (client, server):
        for _ in range(4):
            assert (await client.get()).body == b"done"
            await advance(clock, 4)
        assert server.stats().connections_accepted == 1


@every_mode
async def test_a_peer_that_takes_nothing_is_cut(mode):
    clock, errors = FakeClock(), []
    async with serving(pouring(errors), mode, clock=clock, write_stall_timeout=20) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        await advance(clock, 20)  # in these it took what fits into its buffers
        assert errors == []
        await advance(clock, 20)
        assert [error.timer for error in errors] == ["write_stall_timeout"]
        assert server.stats().closed_because == {"write_stall_timeout": 1}
        with pytest.raises(BrokenResponse):
            await peer.read_response()


@every_mode
async def test_a_peer_that_takes_a_little_now_and_then_is_served(mode):
    clock, errors = FakeClock(), []
    async with serving(pouring(errors, 1), mode, clock=clock, write_stall_timeout=20) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        got = b""
        while len(got) < len(MUCH):
            got += await peer.read_exactly(128 << 10)
            await advance(clock, 19)
        assert errors == []


@every_mode
async def test_the_last_bytes_on_their_way_out_have_a_clock_too(mode):
    """The handler has returned, the peer reads nothing: idle, then lingering, then cut."""
    clock = FakeClock()

    async def handler(w, r):
        await w.write(b"x" * (60 << 10))  # never so much that we wait, and more than the peer's buffers take

    settings = {"idle_timeout": 10, "linger_timeout": 1, "write_stall_timeout": 5}
    async with serving(handler, mode, clock=clock, **settings) as (client, server):
        peer = await client.connect()
        for _ in range(4):
            await peer.send(GET)
            await advance(clock, 0)
        assert server.stats().by_state == {"idle": 1}
        await advance(clock, 10)
        assert server.stats().by_state == {"linger": 1}
        await advance(clock, 1)
        assert server.stats().by_state == {"closed": 1}
        await advance(clock, 4.9)
        assert server.stats().connections_open == 1
        await advance(clock, 0.1)
        assert server.stats().connections_open == 0


@every_mode
async def test_a_write_deadline_of_one_request_is_not_the_next_ones(mode):
    clock = FakeClock()

    async def handler(w, r):
        if r.path == "/first":
            w.controller.set_write_deadline(3)
        else:
            clock.advance(10)
        await w.write(b"done")

    async with serving(handler, mode, clock=clock) as (client, _):
        assert (await client.get("/first")).body == b"done"
        assert (await client.get("/second")).body == b"done"


@every_mode
async def test_the_responses_clock_stops_with_the_response(mode):
    """What is still drained of the request's body then has its own clock."""
    clock = FakeClock()

    async def handler(w, r):
        w.controller.enable_full_duplex()
        await w.write(b"done")

    settings = {"write_timeout": 5, "body_read_timeout": 20}
    async with serving(handler, mode, clock=clock, **settings) as (client, server):
        peer = await client.connect()
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
        response = await peer.read_response()
        assert (response.body, response.header("Connection")) == (b"done", None)
        await advance(clock, 19)
        assert server.stats().by_state == {"drain": 1}
        await peer.send(b"cd" + GET)
        assert (await peer.read_response()).body == b"done"


@every_mode
async def test_a_peer_that_has_gone_ends_a_write_at_once(mode):
    errors = []
    async with serving(pouring(errors), mode, clock=FakeClock()) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        await peer.read_exactly(100)
        peer.abort()
        await advance(server.clock, 0)
        assert [type(error) for error in errors] == [ConnectionReset]
