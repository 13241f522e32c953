"""``ResponseController``: flush, hijack, deadlines and full duplex, through whatever wraps the writer.

Requirement S17; Go's responsecontroller_test.go.
"""

from __future__ import annotations

import pytest

from holdfast.errors import NotSupported, Timeout
from holdfast.net.tasks import Event
from holdfast.server.controller import ResponseController
from holdfast.testing import BrokenResponse, FakeClock, advance, serving
from holdfast.wire.persistence import CloseReason
from tests.whole.modes import every_mode

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
MUCH = b"x" * (1 << 20)


class Wrapper:
    """A middleware's writer: it knows how to write, and what it wraps."""

    def __init__(self, w):
        self._w = w

    async def write(self, data):
        return await self._w.write(data)

    def unwrap(self):
        return self._w


class Alone:
    """A writer that wraps another and does not say so."""

    def __init__(self, w):
        self.write = w.write


def same(w):
    return w


def twice(w):
    return Wrapper(Wrapper(w))


wrapped = pytest.mark.parametrize("wrap", [same, Wrapper, twice])


# TestResponseControllerFlush
@every_mode
@wrapped
async def test_flush_sends_what_is_written(mode, wrap):
    go = Event()

    async def handler(w, r):
        await w.write(b"one")
        await ResponseController(wrap(w)).flush()
        await go.wait()
        await w.write(b"two")

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        assert (await peer.arrived()).endswith(b"\r\n\r\n3\r\none\r\n")
        go.set()
        assert await peer.read_exactly(13) == b"3\r\ntwo\r\n0\r\n\r\n"


# TestResponseControllerHijack
@every_mode
@wrapped
async def test_hijack_gives_the_connection(mode, wrap):
    async def handler(w, r):
        stream, leftover = await ResponseController(wrap(w)).hijack()
        assert leftover == b""
        await stream.write(b"mine")
        await stream.close()

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        assert await peer.read_until_closed() == b"mine"
        assert server.stats().closed_because == {CloseReason.HIJACKED: 1}


# TestResponseControllerFlush, TestResponseControllerHijack: what nobody in the chain can do
@every_mode
@pytest.mark.parametrize("wrap", [Alone, lambda w: Wrapper(Alone(w))], ids=["alone", "wrapped"])
async def test_what_no_writer_of_the_chain_can_do_is_not_supported(mode, wrap):
    async def handler(w, r):
        controller = ResponseController(wrap(w))
        for ask in (controller.flush, controller.hijack):
            with pytest.raises(NotSupported):
                await ask()
        for set_deadline in (controller.set_read_deadline, controller.set_write_deadline):
            with pytest.raises(NotSupported):
                set_deadline(1)
        with pytest.raises(NotSupported):
            controller.enable_full_duplex()
        await w.write(b"as ever")

    async with serving(handler, mode) as (client, _):
        assert (await client.get()).body == b"as ever"


# TestResponseControllerSetPastWriteDeadline
@every_mode
@wrapped
async def test_a_write_deadline_that_has_passed_fails_the_next_write_and_cuts_the_connection(mode, wrap):
    clock, begun, go, failures = FakeClock(), Event(), Event(), []

    async def handler(w, r):
        await w.write(b"one")
        await w.flush()
        ResponseController(wrap(w)).set_write_deadline(-10)
        begun.set()
        await go.wait()
        try:
            await w.write(b"two")
            await w.flush()
        except Timeout as error:
            failures.append(error.timer)
            w.controller.set_write_deadline(None)  # what has expired stays so
            with pytest.raises(Timeout):
                await w.flush()
            raise

    async with serving(handler, mode, clock=clock) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        await begun.wait()
        await advance(clock, 0)
        go.set()
        with pytest.raises(BrokenResponse) as broken:
            await peer.read_response()
        assert broken.value.raw.endswith(b"3\r\none\r\n")
        await advance(clock, 0)
        assert failures == ["write_timeout"]
        assert server.stats().closed_because == {CloseReason.WRITE_TIMEOUT: 1}


# TestResponseControllerSetFutureWriteDeadline
@every_mode
@wrapped
async def test_a_write_deadline_to_come_fails_the_write_that_waits_then(mode, wrap):
    clock, failures = FakeClock(), []

    async def handler(w, r):
        ResponseController(wrap(w)).set_write_deadline(3)
        await w.write(b"one")
        try:
            while True:
                await w.write(MUCH)
        except Timeout as error:
            failures.append((error.timer, clock.time()))
            raise

    async with serving(handler, mode, clock=clock) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        await advance(clock, 2.9)
        assert failures == []
        await advance(clock, 0.1)
        assert failures == [("write_timeout", 3.0)]
        with pytest.raises(BrokenResponse):
            await peer.read_response()


@every_mode
async def test_a_write_deadline_may_be_moved_again_and_again_and_taken_away(mode):
    clock = FakeClock()
    steps = [Event() for _ in range(4)]

    async def handler(w, r):
        for step in steps[:-1]:
            w.controller.set_write_deadline(5)
            await step.wait()
            await w.write(b"x")
            await w.flush()
        w.controller.set_write_deadline(None)
        await steps[-1].wait()

    async with serving(handler, mode, clock=clock, write_timeout=5) as (client, _):
        peer = await client.connect()
        await peer.send(GET)
        for step in steps:
            await advance(clock, 4)
            step.set()
        assert (await peer.read_response()).body == b"xxx"
        await peer.send(GET)
        assert (await peer.read_response()).status == 200


# TestResponseControllerSetPastReadDeadline
@every_mode
@wrapped
async def test_a_read_deadline_that_has_passed_fails_the_read_that_would_wait(mode, wrap):
    clock, failures = FakeClock(), []

    async def handler(w, r):
        assert await r.body.read(3) == b"one"
        ResponseController(wrap(w)).set_read_deadline(-10)
        for _ in range(2):
            try:
                await r.body.read(3)
            except Timeout as error:
                failures.append(error.timer)
        await w.write(b"too late")

    async with serving(handler, mode, clock=clock) as (client, server):
        peer = await client.connect()
        await peer.send(POST % 6 + b"one")
        await advance(clock, 0)
        response = await peer.read_response()
        assert (response.body, response.header("Connection")) == (b"too late", "close")
        assert failures == ["read_timeout"] * 2
        peer.send_eof()
        assert await peer.expect_closed() == "eof"
        await advance(clock, 0)
        assert server.stats().closed_because == {CloseReason.BODY_BROKEN: 1}


# TestResponseControllerSetFutureReadDeadline
@every_mode
@wrapped
async def test_a_read_deadline_to_come_fails_the_read_that_waits_then(mode, wrap):
    clock, failures = FakeClock(), []

    async def handler(w, r):
        ResponseController(wrap(w)).set_read_deadline(3)
        try:
            await r.read()
        except Timeout as error:
            failures.append((error.timer, clock.time()))
        await w.write(b"too late")

    async with serving(handler, mode, clock=clock) as (client, _):
        peer = await client.connect()
        await peer.send(POST % 6 + b"one")
        await advance(clock, 2.9)
        assert await peer.arrived() == b""
        await advance(clock, 0.1)
        response = await peer.read_response()
        assert (response.body, response.header("Connection")) == (b"too late", "close")
        assert failures == [("read_timeout", 3.0)]


@every_mode
async def test_a_read_deadline_may_be_taken_away_with_the_servers_own(mode):
    clock = FakeClock()

    async def handler(w, r):
        w.controller.set_read_deadline(None)
        await w.write(await r.read())

    async with serving(handler, mode, clock=clock, read_timeout=5, body_read_timeout=None) as (
        client,
        server,
    ):
        peer = await client.connect()
        await peer.send(POST % 6 + b"one")
        await advance(clock, 20)
        await peer.send(b"two")
        assert (await peer.read_response()).body == b"onetwo"
        assert server.stats().by_state == {"idle": 1}


# TestResponseControllerEnableFullDuplex
@every_mode
@wrapped
async def test_with_full_duplex_reads_and_writes_take_turns(mode, wrap):
    async def handler(w, r):
        ResponseController(wrap(w)).enable_full_duplex()
        while piece := await r.body.next():
            await w.write(piece.upper())
            await w.flush()

    async with serving(handler, mode) as (client, server):
        peer = await client.connect()
        await peer.send(POST % 9)
        for piece in (b"abc", b"def", b"ghi"):
            await peer.send(piece)
            assert b"3\r\n%b\r\n" % piece.upper() in await peer.arrived()
        assert server.stats().by_state == {"idle": 1}
        assert server.stats().connections_accepted == 1


# TestWrappedResponseController: the deadline of one wrapped exchange is no matter of the next one's
@every_mode
async def test_deadlines_set_through_a_wrapper_end_with_their_exchange(mode):
    clock = FakeClock()

    async def handler(w, r):
        controller = ResponseController(twice(w))
        controller.set_read_deadline(5)
        controller.set_write_deadline(5)
        await w.write(await r.read())

    async with serving(handler, mode, clock=clock) as (client, server):
        peer = await client.connect()
        for _ in range(3):
            await peer.send(POST % 2 + b"hi")
            assert (await peer.read_response()).body == b"hi"
            await advance(clock, 10)
        assert server.stats().by_state == {"idle": 1}
