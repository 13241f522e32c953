"""A shutdown with ``idle_grace``: a connection that was used lately may carry one more request."""

from __future__ import annotations

import pytest

from holdfast.net.clock import FakeClock
from holdfast.net.tasks import spawn
from holdfast.testing import advance, serving, settle
from holdfast.wire.persistence import CloseReason
from tests.whole.modes import every_mode

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def handler(w, r):
    await w.write("ok")


@every_mode
async def test_a_request_within_the_grace_is_answered_and_told_close(mode):
    clock = FakeClock()
    async with serving(handler, mode, clock=clock) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        await peer.read_response()
        ending = spawn(server.shutdown(30, idle_grace=1))
        await settle()
        await advance(clock, 0.9)
        assert not ending.done()
        await peer.send(GET)
        assert (await peer.read_response()).header("Connection") == "close"
        assert await peer.expect_closed() == "eof"
        await peer.close()
        await ending


@pytest.mark.parametrize("idle", [0.0, 0.6, 5.0])
async def test_the_grace_counts_from_the_last_answer(idle):
    clock = FakeClock()
    async with serving(handler, clock=clock) as (client, server):
        peer = await client.connect()
        await peer.send(GET)
        await peer.read_response()
        await advance(clock, idle)
        ending = spawn(server.shutdown(30, idle_grace=1))
        await settle()
        if idle < 1:
            await advance(clock, 1 - idle - 0.01)
            assert server.stats().by_state == {"idle": 1}
            await advance(clock, 0.02)
        assert await peer.expect_closed() == "eof"
        await peer.close()
        await ending
        assert server.stats().closed_because == {CloseReason.SHUTDOWN: 1}
