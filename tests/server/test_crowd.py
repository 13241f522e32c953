"""The connections of one server together; how they leave at its end is in tests/whole/test_shutdown.py."""

import asyncio
from types import SimpleNamespace

from holdfast.net.clock import FakeClock
from holdfast.server.crowd import Crowd
from holdfast.testing import serving, settle
from holdfast.wire.lifecycle import State

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def hello(w, r):
    await w.write(b"hello")


async def test_those_that_idled_longest_are_shed_first(rng):
    clock = FakeClock()
    async with serving(hello, clock=clock) as (client, server):
        peers = [await client.connect() for _ in range(8)]
        rng.shuffle(peers)
        for peer in peers:
            await peer.send(GET)
            await peer.read_response()
            clock.advance(1)
        *idle, busy = peers
        await busy.send(GET[:5])
        await settle()
        for peer in idle[:4]:
            assert server.crowd.shed(1) == 1
            await peer.expect_closed()
        assert server.crowd.shed(9) == 3
        await settle()
        assert server.stats().by_state == {"head": 1}


async def test_requests_are_counted_beyond_the_end_of_their_connections():
    async with serving(hello) as (client, server):
        for _ in range(3):
            await client.get(close=True)
            await client.get()
        assert server.crowd.requests == server.stats().requests == 6


class Connection(SimpleNamespace):
    """What a crowd knows of a connection."""

    __hash__ = object.__hash__

    def unfinished(self):
        return self.left_behind

    def end_silent(self):
        self.life.state = State.CLOSED
        self.crowd.forget(self)

    def call_off(self):
        self.called_off = True


def connection(crowd, state, opened_at=0.0, left_behind=()):
    conn = Connection(
        crowd=crowd,
        life=SimpleNamespace(state=state),
        opened_at=opened_at,
        requests=1,
        reason=None,
        left_behind=left_behind,
        called_off=False,
    )
    crowd.add(conn)
    return conn


async def test_an_empty_crowd_is_not_waited_for():
    assert await Crowd().wait_until_empty(FakeClock(), None) == 0


async def test_time_that_runs_out_says_who_is_left_and_calls_them_off_before():
    clock, crowd = FakeClock(), Crowd()
    busy = connection(crowd, State.EXCHANGE)
    waiting = asyncio.ensure_future(crowd.wait_until_empty(clock, 10))  # noqa: TID251 - a test's own task
    await settle()
    clock.advance(7.9)
    await settle()
    assert not busy.called_off
    clock.advance(0.2)
    await settle()
    assert busy.called_off
    clock.advance(2)
    assert await waiting == 1


async def test_who_never_spoke_is_given_its_grace_from_its_own_opening():
    clock, crowd = FakeClock(), Crowd()
    first, second = (connection(crowd, State.NEW, at) for at in (0.0, 2.0))
    clock.advance(3)
    waiting = asyncio.ensure_future(crowd.wait_until_empty(clock, None))  # noqa: TID251 - a test's own task
    await settle()
    clock.advance(2)
    await settle()
    assert (first.life.state, second.life.state) == (State.CLOSED, State.NEW)
    clock.advance(2)
    assert await waiting == 0


async def test_what_a_connection_leaves_behind_is_waited_for():
    clock, crowd = FakeClock(), Crowd()
    work = asyncio.get_running_loop().create_future()
    crowd.forget(connection(crowd, State.CLOSED, left_behind=[work]))
    waiting = asyncio.ensure_future(crowd.wait_until_empty(clock, None))  # noqa: TID251 - a test's own task
    await settle()
    assert not waiting.done()
    work.set_result(None)
    assert await waiting == 0
