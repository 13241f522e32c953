"""Requests on one connection; the behaviour of whole ones is in tests/whole."""

import pytest

from holdfast.testing import settle
from holdfast.wire.persistence import CloseReason
from tests.server.bench import GET, Bench, hello


async def test_a_head_is_read_when_its_bytes_come_and_answered_when_the_task_has_its_turn():
    async with Bench(hello) as bench:
        bench.conn.data_received(GET)
        assert (bench.state, bench.transport.written) == ("EXCHANGE", b"")
        await settle()
        assert bench.state == "IDLE"
        assert bench.transport.written.endswith(b"\r\n\r\nhello")
        assert repr(bench.conn) == "<Conn 192.0.2.1:50000 h1 IDLE, 1 requests>"


async def test_half_a_head_and_the_peers_end_is_answered_with_400():
    async with Bench(hello) as bench:
        await bench.receive(GET[:9])
        assert bench.conn.eof_received()
        assert bench.transport.written.startswith(b"HTTP/1.1 400 ")
        assert bench.state == "CLOSED"


async def test_the_peers_end_while_idle_closes():
    async with Bench(hello) as bench:
        await bench.receive(GET)
        assert bench.conn.eof_received()
        assert (bench.state, bench.conn.reason) == ("CLOSED", CloseReason.PEER_LEFT)
        assert bench.transport.calls == ["close"]


@pytest.mark.parametrize(
    ("exc", "reason"),
    [(None, CloseReason.PEER_LEFT), (OSError("reset"), CloseReason.RESET)],
    ids=["eof", "reset"],
)
async def test_a_connection_that_is_lost_is_forgotten(exc, reason):
    async with Bench(hello) as bench:
        await bench.receive(GET)
        bench.conn.connection_lost(exc)
        assert (bench.state, bench.conn.reason) == ("CLOSED", reason)
        assert bench.server.stats().connections_open == 0
        await settle()
        assert bench.conn.task.done()
        bench.clock.advance(1000)  # and no clock of it runs
        assert bench.transport.calls == []


async def test_the_last_request_that_may_come_says_so():
    async with Bench(hello, max_requests_per_connection=2) as bench:
        await bench.receive(GET)
        assert b"Connection: close" not in bench.transport.written
        await bench.receive(GET)
        assert b"Connection: close" in bench.transport.written
        assert bench.conn.reason is CloseReason.WORN_OUT


async def test_a_connection_past_its_age_ends_with_its_next_answer():
    async with Bench(hello, max_connection_age=100, idle_timeout=75) as bench:
        for _ in range(2):
            await bench.receive(GET)
            bench.clock.advance(50)
        assert b"Connection: close" not in bench.transport.written
        await bench.receive(GET)
        assert b"Connection: close" in bench.transport.written
